"""The system refuses the program threads or descriptors for a while: it goes on, and answers in full once it may."""

import concurrent.futures
import os
import pathlib
import resource
import socket
import time
import unittest

import harness

BURST = 12  # more at once than idle threads are kept


def pids_cgroup(name):
    """A new pids cgroup of v2 where it has the controller, else of v1; None where neither can be made."""
    root = pathlib.Path("/sys/fs/cgroup")
    controllers = root / "cgroup.controllers"
    v2 = controllers.exists() and "pids" in controllers.read_text().split()
    group = root / name if v2 else root / "pids" / name
    try:
        group.mkdir()
        (group / "pids.max").write_text("max")
    except OSError:
        return None
    return group


class RefusalsTest(harness.TestCase):
    def scrapes(self, exporter):
        with concurrent.futures.ThreadPoolExecutor(BURST) as pool:
            return [answer.result() for answer in [pool.submit(exporter.get) for _ in range(BURST)]]

    def assert_full(self, exporter):
        samples = exporter.fresh()
        success = harness.matching(samples, "agent_exporter_collector_success")
        self.assertGreater(len(success), 10)
        self.assertEqual({name: value for name, value in success.items() if value != 1}, {})
        self.assertEqual(samples[harness.key("agent_up", agent=self.name)], 1)

    def assert_survives(self, exporter, refuse, allow):
        refuse()
        for _ in range(3):
            for answer in self.scrapes(exporter):
                self.assertEqual(answer.status, 200, answer.text)
        allow()
        for _ in range(3):
            self.assertEqual([answer.status for answer in self.scrapes(exporter)], [200] * BURST)
        self.assert_full(exporter)
        self.assertEqual(exporter.stop(), 0)

    def watched(self):
        self.name = self.tree("wait").name
        return f"--config.file={self.config_for(self.name)}"

    @unittest.skipUnless(os.geteuid() == 0, "making a cgroup needs root")
    def test_a_pids_cgroup_refuses_threads(self):
        group = pids_cgroup(harness.unique_name())
        if group is None:
            self.skipTest("needs a pids cgroup that can be made")
        flag = self.watched()
        exporter = self.exporter(flag)
        self.addCleanup(lambda: harness.wait_for(lambda: not group.exists() or self.removed(group), "rmdir"))
        (group / "cgroup.procs").write_text(str(exporter.process.pid))
        self.assert_survives(exporter, lambda: (group / "pids.max").write_text((group / "pids.current").read_text()),
                             lambda: (group / "pids.max").write_text("max"))

    @staticmethod
    def removed(group):
        try:
            group.rmdir()
        except OSError:
            return False
        return True

    @unittest.skipUnless(os.geteuid() == 0, "changing to another user needs root")
    def test_rlimit_nproc_refuses_threads(self):
        flag = self.watched()
        exporter = self.exporter(flag, command=[*harness.NOBODY, harness.copy_for_everybody(self.directory)])
        pid = exporter.process.pid
        try:
            before = resource.prlimit(pid, resource.RLIMIT_NPROC)
        except PermissionError:
            self.skipTest("root without CAP_SYS_RESOURCE cannot change another user's limits")
        self.assert_survives(exporter, lambda: resource.prlimit(pid, resource.RLIMIT_NPROC, (1, before[1])),
                             lambda: resource.prlimit(pid, resource.RLIMIT_NPROC, before))

    def test_descriptors_run_out(self):
        flag = self.watched()
        exporter = self.exporter(flag, command=["prlimit", "--nofile=64:64", harness.EXPORTER])
        pid = exporter.process.pid
        clients = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(100)]
        used = self.cpu_seconds(pid)
        began = time.monotonic()
        try:
            time.sleep(3)  # a span to measure over, while clients wait
        finally:
            for client in clients:
                client.close()
        spent = (self.cpu_seconds(pid) - used) / (time.monotonic() - began)
        self.assertLess(spent, 0.5, "it spins")
        harness.wait_for(lambda: self.answers(exporter), "an answer once there are descriptors again")
        self.assert_full(exporter)
        self.assertEqual(exporter.stop(), 0)

    @staticmethod
    def cpu_seconds(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def answers(exporter):
        try:
            return exporter.get().status == 200
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()

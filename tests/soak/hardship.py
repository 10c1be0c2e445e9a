"""Threads refused for 10 s, a stop of 60 s, a clock that jumps by a day, a full disk, 64 descriptors, 32 MB of memory: the
exporter goes on, or says in one line why not."""

import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest

import harness
import refusals_test

AGE = harness.key("agent_exporter_look_age_seconds")
SHIFT = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
/* CLOCK_REALTIME is shifted by the seconds that stand in the file $SHIFT_FILE. */
int clock_gettime(clockid_t clock, struct timespec *at) {
  int result = (int)syscall(SYS_clock_gettime, clock, at);
  if (clock == CLOCK_REALTIME) {
    FILE *file = fopen(getenv("SHIFT_FILE"), "r");
    long seconds = 0;
    if (file != NULL) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    at->tv_sec += seconds;
  }
  return result;
}
"""


class HardshipTest(harness.TestCase):
    def watched(self, interval="1s"):
        self.root = self.tree("wait")
        return f"--config.file={self.config_for(self.root.name, interval=interval)}"

    def assert_full(self, exporter, samples=None):
        samples = samples or exporter.fresh()
        failed = {k for k, v in harness.matching(samples, "agent_exporter_collector_success").items() if v != 1}
        self.assertEqual(failed, set())
        self.assert_value(samples, 1, "agent_up", agent=self.root.name)
        self.assertLess(samples[AGE], 10)
        return samples

    def test_threads_refused_for_ten_seconds(self):
        group = refusals_test.pids_cgroup(harness.unique_name())
        if group is None:
            self.skipTest("needs a pids cgroup")
        exporter = self.exporter(self.watched())
        self.addCleanup(lambda: harness.wait_for(lambda: refusals_test.RefusalsTest.removed(group), "rmdir"))
        (group / "cgroup.procs").write_text(str(exporter.process.pid))
        (group / "pids.max").write_text((group / "pids.current").read_text())
        statuses, end = [], time.monotonic() + 10
        lock = threading.Lock()

        def ask():
            while time.monotonic() < end:
                status = exporter.get().status
                with lock:
                    statuses.append(status)

        askers = [threading.Thread(target=ask) for _ in range(6)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        (group / "pids.max").write_text("max")
        print(f"no threads for 10 s: {len(statuses)} answers, {sum(s != 200 for s in statuses)} not 200", flush=True)
        self.assertEqual(set(statuses), {200})
        self.assert_full(exporter)
        self.assertEqual(exporter.stop(), 0)

    def test_a_stop_of_sixty_seconds(self):
        exporter = self.exporter(self.watched())
        exporter.process.send_signal(signal.SIGSTOP)
        time.sleep(60)
        exporter.process.send_signal(signal.SIGCONT)
        self.assert_full(exporter)
        self.assertEqual(exporter.get("/-/ready").status, 200)
        print("stopped for 60 s: full at the first scrape", flush=True)
        self.assertEqual(exporter.stop(), 0)

    def test_a_clock_that_jumps_by_a_day(self):
        library = os.path.join(self.directory, "shift.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", self.write("shift.c", SHIFT), "-o", library], check=True)
        shift = self.write("shift", "0")
        exporter = self.exporter(self.watched(), env={"LD_PRELOAD": library, "SHIFT_FILE": shift})
        ages = []
        for seconds in (86400, 0, -86400, 0):
            pathlib.Path(shift).write_text(str(seconds))
            for _ in range(5):
                time.sleep(1)
                samples = self.assert_full(exporter, exporter.scrape())  # fresh() compares with our clock
                ages.append(samples[AGE])
                uptime = samples[harness.key("agent_self_uptime_seconds", agent=self.root.name)]
                self.assertLess(uptime, 3600)
                self.assertGreaterEqual(uptime, 0)
        print(f"a clock that jumps by a day either way: full, figures at most {max(ages):.2f} s old", flush=True)
        self.assertEqual(exporter.stop(), 0)

    def test_a_full_disk(self):
        disk = os.path.join(self.directory, "disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk])
        exporter = self.exporter(self.watched("200ms"), f"--ledger.path={disk}/ledger.db", env={"STATE_DIRECTORY": disk})
        with open(f"{disk}/filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        time.sleep(15)
        self.assert_full(exporter)
        os.unlink(f"{disk}/filler")
        time.sleep(2)
        self.assert_full(exporter)
        self.assertEqual(exporter.stop(), 0)
        print("a full disk: full scrapes", flush=True)

    def test_sixty_four_descriptors(self):
        exporter = self.exporter(self.watched(), command=["prlimit", "--nofile=64:64", harness.EXPORTER])
        for _ in range(20):
            self.assert_full(exporter)
        print(f"64 descriptors: full, {exporter.open_fds()} in use", flush=True)
        self.assertEqual(exporter.stop(), 0)

    def test_thirty_two_megabytes(self):
        group = pathlib.Path("/sys/fs/cgroup/memory", harness.unique_name())
        limit, usage = "memory.limit_in_bytes", "memory.max_usage_in_bytes"
        if not pathlib.Path("/sys/fs/cgroup/memory", limit).exists():
            group = pathlib.Path("/sys/fs/cgroup", harness.unique_name())
            limit, usage = "memory.max", "memory.peak"
        try:
            group.mkdir()
            (group / limit).write_text(str(32 << 20))
        except OSError:
            self.skipTest("needs a memory cgroup")
        self.addCleanup(lambda: harness.wait_for(lambda: refusals_test.RefusalsTest.removed(group), "rmdir"))
        exporter = self.exporter(self.watched(), command=[
            "sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", harness.EXPORTER])
        for _ in range(60):
            self.assert_full(exporter)
        most = int((group / usage).read_text())
        print(f"32 MB: full for 60 scrapes, at most {most >> 20} MB used", flush=True)
        self.assertEqual(exporter.stop(), 0)


if __name__ == "__main__":
    unittest.main()

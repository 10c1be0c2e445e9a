"""The drop-in for process-exporter, side by side with the real one (Debian's prometheus-process-exporter)."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

import harness
from harness import PATIENCE, matching, wait_for

PEER = shutil.which("prometheus-process-exporter") or shutil.which("process-exporter")

# Rules as process-exporter's documentation and the Ansible role have them. NAME and NAMEb are links to sleep, other ones
# for each rule, so that both programs see the same processes and one file holds all rules.
RULES = {
    "the Ansible role's": "- name: '{{.Comm}}'\n  cmdline: ['NAME.+']\n",
    "without a name": "- comm: [NAME, NAMEb]\n",
    "exe by name and path": "- name: '{{.ExeFull}}'\n  exe: [/nowhere/NAME, NAME]\n",
    "captures": "- name: '{{.ExeBase}};{{.Matches.Time}}'\n  exe: [NAME, NAMEb]\n  cmdline: ['(?P<Time>\\d+)$']\n",
    "all of cmdline": "- name: both\n  cmdline: ['NAME', '^\\S+ 9876\\d$']\n",
    "the first that matches": "- name: first\n  comm: [NAME]\n- name: second\n  comm: [NAME, NAMEb]\n",
    "user and pid": "- name: '{{.ExeBase}}:{{.Username}}:{{.PID}}:{{.StartTime}}'\n  comm: [NAME]\n",
    "cgroups": "- name: '{{.Comm}}:{{.Cgroups}}'\n  comm: [NAME]\n",
}
# Gauges that do not move while a process sleeps. Memory may: pages are reclaimed.
STILL = {"num_procs", "num_threads", "open_filedesc", "oldest_start_time_seconds", "worst_fd_ratio", "states"}
NO_MORE = "namedprocess_namegroup_threads_wchan"  # docs/process-exporter.md


class ProcessExporterTest(harness.TestCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.name = harness.unique_name()

    def sleeper(self, name, seconds=98765):
        program = pathlib.Path(self.directory, name)
        if not program.exists():
            program.symlink_to("/bin/sleep")
        process = subprocess.Popen([program, str(seconds)])  # pylint: disable=consider-using-with
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: pathlib.Path(f"/proc/{process.pid}/comm").read_text().strip() == name, "exec")

    def rules(self, *texts):
        """A file with these rules; runs two processes for each."""
        rules = "process_names:\n"
        for text, letter in zip(texts, "nopqrstuvw"):
            name = self.name + letter
            for suffix in ("", "b"):
                self.sleeper(name + suffix)
            rules += text.replace("NAME", name)
        return self.write("theirs.yml", rules)

    def serve(self, text, *flags, **options):
        return self.exporter(f"--compat.process-exporter={self.rules(text)}", *flags, **options)

    def group(self, samples, metric, groupname, **labels):
        return list(matching(samples, "namedprocess_" + metric, groupname=groupname, **labels).values())

    def test_serves_groups_and_no_agents(self):
        exporter = self.serve(RULES["all of cmdline"], "--compat.smaps")
        samples = exporter.scrape()
        self.assertEqual(self.group(samples, "namegroup_num_procs", "both"), [2])
        self.assertEqual(sum(self.group(samples, "namegroup_states", "both")), 2)
        resident, proportional = (self.group(samples, "namegroup_memory_bytes", "both", memtype=memory)[0]
                                  for memory in ("resident", "proportionalResident"))
        self.assertTrue(0 < proportional <= resident, (proportional, resident))
        self.assert_value(samples, 0, "namedprocess_scrape_errors")
        self.assertNotRegex(exporter.get().text, r"(?m)^agent_")
        self.assertEqual(harness.promtool_check(re.sub(r"(?m)^.*(?:num_threads|scrape_\w+errors).*\n", "", exporter.get().text)), "")

    def test_from_proc_alone_shows_the_same(self):
        rules = self.rules(*RULES.values())
        ours, procfs = (self.exporter(f"--compat.process-exporter={rules}", f"--process.source={source}").scrape()
                        for source in ("auto", "procfs"))
        self.assertEqual(self.still(ours), self.still(procfs))
        self.assertEqual(self.shown(ours), self.shown(procfs))

    def test_called_process_exporter_it_takes_its_flags(self):
        link = pathlib.Path(self.directory, "process-exporter")
        link.symlink_to(harness.EXPORTER)
        exporter = self.exporter("-config.path", self.rules(RULES["all of cmdline"]), "-threads=false",
                                 "-gather-smaps=false", command=[link])
        self.assertEqual(self.group(exporter.scrape(), "namegroup_num_procs", "both"), [2])
        refused = subprocess.run([link, "-namemapping", "a,b"], capture_output=True, text=True, check=False,
                                 timeout=PATIENCE)
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        self.assertIn("-namemapping is not understood", refused.stderr)

    def test_reload_matches_new_processes_by_the_new_rules(self):
        exporter = self.serve(RULES["all of cmdline"])
        self.write("theirs.yml", f"process_names:\n- name: anew\n  comm: [{self.name}c]\n")
        exporter.process.send_signal(signal.SIGHUP)
        exporter.log.find("configuration reloaded")
        self.sleeper(self.name + "c")
        samples = exporter.scrape()
        self.assertEqual(self.group(samples, "namegroup_num_procs", "anew"), [1])
        self.assertEqual(self.group(samples, "namegroup_num_procs", "both"), [2])
        self.write("theirs.yml", "process_names:\n- name: '{{.Nothing}}'\n  comm: [a]\n")
        exporter.process.send_signal(signal.SIGHUP)
        exporter.log.find(r"theirs.yml:2: .*\.Nothing")

    def test_an_imported_configuration_is_accepted(self):
        imported = harness.run("import-process-exporter", self.rules(*RULES.values()))
        self.assertEqual(imported.returncode, 0, imported.stderr)
        checked = harness.run("check-config", self.write("ours.yaml", imported.stdout))
        self.assertEqual(checked.returncode, 0, checked.stderr)

    @unittest.skipUnless(PEER, "prometheus-process-exporter is not installed (deploy/packages.sh install test)")
    def test_groups_labels_and_gauges_are_those_of_process_exporter(self):
        rules = self.rules(*RULES.values())
        theirs = self.peer(rules)
        ours = self.exporter(f"--compat.process-exporter={rules}", "--compat.smaps").scrape()
        self.assertEqual(self.shown(ours), self.shown(theirs))
        self.assertEqual(self.still(ours), self.still(theirs))
        self.assertEqual(len(matching(ours, "namedprocess_namegroup_num_procs")), 12)

    def peer(self, rules):
        """A scrape of the real process-exporter."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [PEER, f"-config.path={rules}", f"-web.listen-address={address}", "-threads=false"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, TZ="UTC"))

        def answer():
            self.assertIsNone(process.poll(), "process-exporter has ended")
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as response:
                    return response.read().decode()
            except urllib.error.URLError:
                return None

        try:
            return harness.parse(wait_for(answer, "process-exporter's answer"))
        finally:
            process.kill()
            process.wait()

    def shown(self, samples):
        """Names and labels, without the program's figures of itself. The parser adds _total to the name of a counter."""
        return {(name.removesuffix("_total"), labels) for name, labels in samples
                if name.startswith("namedprocess_") and name != NO_MORE}

    def still(self, samples):
        return {sample: value for sample, value in samples.items()
                if sample[0].removeprefix("namedprocess_namegroup_") in STILL}


if __name__ == "__main__":
    unittest.main()

"""`run` on a terminal, a real one of tmux: job control of the shell above it, and a shell below it."""

import os
import shlex
import subprocess
import unittest

import harness
from run_harness import RunTestCase


class TerminalTest(RunTestCase):
    def setUp(self):
        super().setUp()
        self.server = f"{self.directory}/tmux.sock"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "-s", "t",
                  "env PS1='top> ' HISTFILE= bash --norc --noprofile -i")
        self.addCleanup(self.tmux, "kill-server")
        self.expect("top> ")

    def tmux(self, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TMUX", "AGENT_"))}
        return subprocess.run(["tmux", "-S", self.server, *arguments], capture_output=True, text=True, check=True,
                              timeout=harness.PATIENCE, env=environment).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "t")

    def type(self, text):
        self.tmux("send-keys", "-l", "-t", "t", text)
        self.tmux("send-keys", "-t", "t", "Enter")

    def press(self, key):
        self.tmux("send-keys", "-t", "t", key)

    def expect(self, text):
        try:
            harness.wait_for(lambda: text in self.screen(), repr(text))
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen:\n{self.screen().rstrip()}") from None

    def run_command(self, command):
        self.type(f"{harness.EXPORTER} run --socket=none --interval=50ms -- {command}")

    def ask(self, command, answer):
        """Types a command whose words are not the answer's."""
        self.type(command)
        self.expect(answer)

    def test_ctrl_c_ends_the_task_and_gives_the_prompt_back(self):
        self.run_command("sh -c 'echo up-$((1+1)); exec sleep 1000'")
        self.expect("up-2")
        self.press("C-c")
        self.ask("echo code $?-", "code 130-")
        self.assertNotIn("agent_exporter: ", self.screen().replace(harness.EXPORTER, ""))

    def test_ctrl_z_and_fg(self):
        self.run_command("sh -c 'echo up-$((1+1)); read line; echo got $line; exit 5'")
        self.expect("up-2")
        self.press("C-z")
        self.expect("Stopped")
        self.ask("echo still-$((3+4))", "still-7")
        self.type("fg")
        self.type("hello")
        self.expect("got hello")
        self.ask("echo code $?-", "code 5-")

    def test_a_program_that_stops_itself_gives_the_prompt_back(self):
        self.run_command("sh -c 'echo up-$((1+1)); kill -STOP $$; echo back-$((4+5))'")
        self.expect("up-2")
        self.expect("Stopped")
        self.type("fg")
        self.expect("back-9")

    def test_resizing_reaches_the_task(self):
        script = self.write("size.sh", "trap 'echo size-$(stty size)-' WINCH\necho up-$((1+1))\n"
                                       "while true; do sleep 0.05; done\n")
        self.run_command(f"bash {shlex.quote(script)}")
        self.expect("up-2")
        self.tmux("resize-window", "-t", "t", "-x", "97", "-y", "31")
        self.expect("size-31 97-")
        self.press("C-c")
        self.ask("echo code $?-", "code 130-")

    def test_a_shell_below_it_has_job_control_of_its_own(self):
        self.run_command("env PS1='in''ner> ' bash --norc --noprofile -i")
        self.expect("inner> ")
        # Keys only when the job says that it has the terminal: earlier ones would be the shell's.
        job = self.write("job.sh", "trap 'echo again-$((2+2))' CONT\necho up-$((1+1))\nwhile true; do sleep 0.05; done\n")
        self.ask(f"bash {shlex.quote(job)}", "up-2")
        self.press("C-z")
        self.expect("Stopped")
        self.ask("jobs -r; echo inner-$((1+1))", "inner-2")
        self.ask("fg", "again-4")
        self.press("C-c")
        self.ask("echo code $?-", "code 130-")
        self.type("exit 6")
        self.ask("echo outer $?-", "outer 6-")

    def test_a_background_job_that_wants_to_read_stops(self):
        self.run_command("sh -c 'read line; echo got $line' &")
        self.expect("[1]")
        self.ask("until jobs | grep -q Stop''ped; do sleep 0.05; done; jobs", "Stopped")
        self.type("fg")
        self.type("hello")
        self.expect("got hello")


if __name__ == "__main__":
    unittest.main()

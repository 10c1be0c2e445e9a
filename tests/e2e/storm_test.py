"""Two hundred forks a second below a watched root while eight clients scrape: nothing fails, nothing grows."""

import os
import threading
import time
import unittest

import harness

SECONDS = float(os.environ.get("STORM_SECONDS", 10 if harness.SANITIZED else 30))
CLIENTS = 8


class StormTest(harness.TestCase):
    def scrape_on(self, exporter, agent, accept, end, failures):
        scrapes = 0
        try:
            while time.monotonic() < end or scrapes < 3:
                samples = exporter.scrape(accept=accept)
                self.assert_value(samples, 1, "agent_up", agent=agent)
                scrapes += 1
                time.sleep(0.05)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    def scrape_by_many(self, exporter, agent, seconds):
        failures = []
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self.scrape_on, args=(
            exporter, agent, harness.OPENMETRICS if i % 2 else None, end, failures)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures

    def test_storm(self):
        root = self.tree("storm", 200)
        exporter = self.exporter(f"--config.file={self.config_for(root.name, interval='500ms')}")
        # Every thread has had its first request, and every buffer its size.
        self.assertEqual(self.scrape_by_many(exporter, root.name, 3), [])
        # A connection is closed a moment after its answer.
        fds = harness.wait_for(lambda: (count := exporter.open_fds()) == exporter.open_fds() and count,
                               "its descriptors to settle")
        resident = exporter.resident_bytes()

        root.tell("start")
        self.assertEqual(self.scrape_by_many(exporter, root.name, SECONDS), [])
        grown = exporter.resident_bytes() - resident
        self.assertGreater(root.tell("stop")["forked"], 20 * SECONDS)

        exporter.fresh()
        # Of each of the two that are watched then, itself and the root, one file more is open while its memory moves.
        harness.wait_for(lambda: exporter.open_fds() <= fds + 2, f"its descriptors to be {fds} again")
        if not harness.SANITIZED:
            self.assertLess(grown, max(2 << 20, resident // 10))
        self.assertEqual(exporter.stop(), 0)
        self.assertEqual([line for line in exporter.log.all if "level=info" not in line], [])


if __name__ == "__main__":
    unittest.main()

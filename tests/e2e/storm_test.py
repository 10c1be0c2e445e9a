"""Two hundred forks a second below a watched root while eight clients scrape: nothing fails, nothing grows."""

import threading
import time
import unittest

import harness

FORKS = 1000 if harness.SANITIZED else 3000
SCRAPES = 30
CLIENTS = 8


class StormTest(harness.TestCase):
    def scrape_on(self, exporter, agent, accept, enough, failures):
        scrapes = 0
        try:
            while scrapes < SCRAPES or not enough():
                samples = exporter.scrape(accept=accept)
                self.assert_value(samples, 1, "agent_up", agent=agent)
                scrapes += 1
                time.sleep(0.05)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    def scrape_by_many(self, exporter, agent, enough=lambda: True):
        failures = []
        threads = [threading.Thread(target=self.scrape_on, args=(
            exporter, agent, harness.OPENMETRICS if i % 2 else None, enough, failures)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures

    def test_storm(self):
        root = self.tree("storm", 200)
        exporter = self.exporter(f"--config.file={self.config_for(root.name, interval='500ms')}")
        # Every thread has had its first request, and every buffer its size.
        self.assertEqual(self.scrape_by_many(exporter, root.name), [])
        # A connection is closed a moment after its answer.
        fds = harness.wait_for(lambda: (count := exporter.open_fds()) == exporter.open_fds() and count,
                               "its descriptors to settle")
        resident = exporter.resident_bytes()

        asking = threading.Lock()

        def enough():
            with asking:
                return root.tell("count")["forked"] >= FORKS

        root.tell("start")
        self.assertEqual(self.scrape_by_many(exporter, root.name, enough), [])
        grown = exporter.resident_bytes() - resident
        root.tell("stop")

        exporter.fresh()
        # Of each of the two that are watched then, itself and the root, one file more is open while its memory moves.
        harness.wait_for(lambda: exporter.open_fds() <= fds + 2, f"its descriptors to be {fds} again")
        if not harness.SANITIZED:
            self.assertLess(grown, max(2 << 20, resident // 10))
        self.assertEqual(exporter.stop(), 0)
        self.assertEqual([line for line in exporter.log.all if "level=info" not in line], [])


if __name__ == "__main__":
    unittest.main()

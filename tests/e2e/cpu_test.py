"""CPU of children that live and die between two scrapes, against what the kernel told their parent: from /proc alone."""

import threading
import unittest

import harness

METRIC = "agent_descendants_cpu_seconds_total"
CHILDREN = 300
TICK = 0.01  # USER_HZ is 100 on every Linux of our architectures


class CpuTest(harness.TestCase):
    def scrape_until(self, done, exporter, agent, seconds, looks):
        """Scrapes every `seconds` until done is set, then once more."""
        while not done.wait(seconds):
            looks.append(harness.matching(exporter.scrape(), METRIC, agent=agent))
        looks.append(harness.matching(exporter.fresh(), METRIC, agent=agent))

    def measure(self, clients):
        """The figures that each client saw, and the truth by getrusage(RUSAGE_CHILDREN)."""
        root = self.tree("forks", CHILDREN, 20)
        exporter = self.exporter(f"--config.file={self.config_for(root.name, interval='5s')}",
                                 "--process.source=procfs", "--process.events=none")
        exporter.scrape()
        done = threading.Event()
        looks = [[] for _ in clients]
        threads = [threading.Thread(target=self.scrape_until, args=(done, exporter, root.name, seconds, look))
                   for seconds, look in zip(clients, looks)]
        for thread in threads:
            thread.start()
        try:
            truth = root.tell("go")["children_cpu"]
        finally:
            done.set()
            for thread in threads:
                thread.join()
        return looks, truth

    def check(self, looks, truth):
        self.assertGreaterEqual(truth, CHILDREN * 0.02)
        # A child seen alive is counted in whole ticks of user and of system time, and its parent's total is cut to
        # ticks as well: two ticks for each look, and two for the end.
        bound = truth + 2 * TICK * (sum(len(look) for look in looks) + 1)
        for look in looks:
            self.assertGreater(len(look), 2)
            for before, after in zip(look, look[1:]):
                self.assertEqual(before.keys(), after.keys())
                for sample in before:
                    self.assertGreaterEqual(after[sample], before[sample], sample)
            counted = sum(look[-1].values())
            self.assertGreaterEqual(counted, 0.95 * truth)
            self.assertLessEqual(counted, bound)

    def test_one_client(self):
        self.check(*self.measure([2.0]))

    def test_two_clients_at_once(self):
        self.check(*self.measure([2.0, 0.7]))


if __name__ == "__main__":
    unittest.main()

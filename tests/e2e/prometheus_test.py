"""The real Prometheus scrapes the real exporter, and the queries of docs/first-alert.md answer with the live tree's figures."""

import os
import pathlib
import re
import unittest

import harness
from prometheus_server import PROMETHEUS, Prometheus

FIRST_ALERT = pathlib.Path(os.environ.get("FIRST_ALERT", pathlib.Path(__file__).parents[2] / "docs/first-alert.md"))


def queries_of_the_page():
    """The lines of the page's first ```promql fence."""
    fence = re.search(r"^```promql\n(.*?)^```", FIRST_ALERT.read_text(), re.MULTILINE | re.DOTALL)
    if fence is None:
        raise AssertionError(f"{FIRST_ALERT} has no ```promql fence")
    return [line for line in fence[1].splitlines() if line and not line.startswith("#")]


@unittest.skipUnless(PROMETHEUS, "prometheus is not installed")
class PrometheusTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        other = self.tree("wait")
        self.root = self.tree("tree", other.path)
        config = self.config_for(self.root.name, "nosuchagent")
        self.exporter_ = self.exporter(f"--config.file={config}")
        # Before and after the tree changes, so that there is an orphan and some CPU.
        self.exporter_.scrape()
        self.root.tell("change")
        self.prometheus = Prometheus(self, [f"127.0.0.1:{self.exporter_.port}"])

    def query(self, text):
        """{labels: value} of an instant query; None as long as there is no answer."""
        data = self.prometheus.api("query", query=text)
        if data is None:
            return None
        return {frozenset((k, v) for k, v in sample["metric"].items() if k not in ("job", "instance", "__name__")):
                float(sample["value"][1]) for sample in data["result"]}

    def wait_for_query(self, text, condition=bool):
        """The answer once it satisfies the condition; an answer that never does is shown."""
        answers = [None]

        def ask():
            answers.append(self.query(text))
            return answers[-1] is not None and condition(answers[-1])

        try:
            harness.wait_for(ask, text)
        except AssertionError as error:
            raise AssertionError(f"{error}; the last answer was {answers[-1]}") from None
        return answers[-1]

    def test_it_is_up_and_keeps_types_helps_and_units(self):
        self.wait_for_query('up{job="agents"}', lambda answer: set(answer.values()) == {1.0})
        metadata = harness.wait_for(lambda: self.prometheus.api("targets/metadata"), "metadata")
        known = {entry["metric"]: entry for entry in metadata}
        agent_metrics = [name for name in known if name.startswith("agent_")]
        self.assertGreater(len(agent_metrics), 40)
        for name in agent_metrics:
            with self.subTest(name):
                self.assertIn(known[name]["type"], ("gauge", "counter", "info"))
                self.assertTrue(known[name]["help"])
                unit = re.search(r"_(seconds|bytes|ratio)(_total)?$", name)
                self.assertEqual(known[name]["unit"], unit[1] if unit else "")
        # Prometheus asked for OpenMetrics: the text format has no units.
        scrapes = self.exporter_.scrape()
        self.assertGreater(scrapes[harness.key("agent_exporter_scrapes_total", format="openmetrics")], 0)

    def test_the_queries_of_the_readme(self):
        agent = self.root.name
        group = frozenset({("agent", agent)})
        samples = self.exporter_.fresh()

        def figure(metric):
            return samples[harness.key(metric, agent=agent)]

        def has(value):
            return lambda answer: answer.get(group) == value

        ram = figure("agent_self_resident_memory_bytes") + figure("agent_descendants_resident_memory_bytes")
        ratios = {}
        for (_, labels), value in harness.matching(samples, "agent_resource_used_ratio", agent=agent).items():
            labels = frozenset({("agent", agent), ("resource", dict(labels)["resource"])})
            ratios[labels] = max(value, ratios.get(labels, 0))
        self.assertEqual(len(ratios), 3)
        memory = frozenset({("agent", agent), ("resource", "memory")})
        # What each of them must answer about this tree.
        expected = {
            "agent_up == 0 and agent_configured == 1":
                lambda answer: answer == {frozenset({("agent", "nosuchagent")}): 0},
            "agent_self_open_fds / agent_self_max_fds":
                has(figure("agent_self_open_fds") / figure("agent_self_max_fds")),
            "topk(5, agent_self_resident_memory_bytes + agent_descendants_resident_memory_bytes)": has(ram),
            "sum by (agent) (rate(agent_descendants_cpu_seconds_total[1m]))": lambda answer: answer.get(group, -1) >= 0,
            "agent_orphans > 0": has(1),
            "max by (agent, resource) (agent_resource_used_ratio)":
                lambda answer: (ratios.keys() <= answer.keys() and
                                abs(answer[memory] / ratios[memory] - 1) < 0.02),
            "deriv(agent_self_open_fds[10m]) > 0": lambda answer: group not in answer,  # it leaks none
        }
        queries = queries_of_the_page()
        self.assertEqual(set(expected) - set(queries), set(), "no longer on the page")
        for query in queries:
            with self.subTest(query):
                # One that is new to this test must at least be understood and answered.
                self.wait_for_query(query, expected.get(query, lambda answer: True))


if __name__ == "__main__":
    unittest.main()

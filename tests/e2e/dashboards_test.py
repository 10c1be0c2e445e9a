"""The dashboards: every query answered by the real Prometheus from the real exporter with live agents, and the form of
the files that Grafana will load."""

import json
import pathlib
import re
import resource
import subprocess
import sys
import time
import unittest

import harness
from prometheus_server import PROMETHEUS, Prometheus, free_port

ROOT = pathlib.Path(__file__).parents[2]
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "dashboards").glob("*.json"))}
UIDS = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
# What the exporter shows only once it has something to say, or not on every host.
LATER = re.compile(r"agent_(leak_(?!active)\w+|exits_total|last_exit_\w+|exporter_unreadable|exporter_events_lost_total|"
                   r"exporter_tracking_disagreements_total|oom_kills_total" +
                   ("" if pathlib.Path("/proc/pressure").exists() else "|host_pressure_waiting_seconds_total") + ")")


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def may_be_empty(panel, target=None):
    """Whether the panel says so, or one of its queries is of the kind that says so."""
    if re.search(r"\bEmpty (while|until|unless|where)\b", panel["description"]):
        return True
    if target is None:
        return False
    growing = "something keeps growing" in panel["description"] and "agent_leak_" in target["expr"]
    low_limit = "a third of it" in panel["description"] and "> 0.3" in target["expr"] and '"fds"' not in target["expr"]
    return growing or low_limit or LATER.search(target["expr"]) is not None


def expressions(dashboard):
    """Every PromQL text of a dashboard: panels, annotations; variables' label_values apart."""
    return ([target["expr"] for panel in panels(dashboard) for target in panel["targets"]] +
            [annotation["target"]["expr"] for annotation in dashboard["annotations"]["list"]])


def strings(value, key=None):
    """All (key, text) within a JSON value."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, (dict, list)):
        for name, part in value.items() if isinstance(value, dict) else ((key, part) for part in value):
            yield from strings(part, name)


class FormTest(unittest.TestCase):
    """Without any program: what the files say."""

    def each(self):
        self.assertEqual(set(DASHBOARDS), {"fleet", "agent", "host", "exporter", "sessions"})
        return DASHBOARDS.values()

    def test_they_are_what_the_source_says(self):
        result = subprocess.run([sys.executable, ROOT / "dashboards/generate.py", "--check"], capture_output=True,
                                text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_head(self):
        self.each()
        for name, dashboard in DASHBOARDS.items():
            self.assertEqual(dashboard["uid"], f"agent-exporter-{name}")
            self.assertEqual((dashboard["schemaVersion"], dashboard["tags"]), (42, ["agent_exporter"]))
            variables = [variable["name"] for variable in dashboard["templating"]["list"]]
            self.assertEqual(variables[:2], ["datasource", "job"])
            self.assertIn("instance", variables)

    def test_every_panel_says_what_it_shows_and_in_which_unit(self):
        for dashboard in self.each():
            for panel in panels(dashboard):
                with self.subTest(panel["title"]):
                    self.assertRegex(panel["description"], r"^[A-Z].{20,}\.$")
                    self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                    self.assertTrue(panel["targets"])

    def test_panels_have_ids_and_places_of_their_own(self):
        for dashboard in self.each():
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)))
            taken = set()
            for panel in dashboard["panels"]:
                place = panel["gridPos"]
                self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertFalse(cells & taken, panel["title"])
                taken |= cells

    def test_data_source_and_windows_are_the_readers(self):
        for dashboard in self.each():
            sources = [part["datasource"] for part in
                       panels(dashboard) + dashboard["annotations"]["list"] + dashboard["templating"]["list"][1:] +
                       [target for panel in panels(dashboard) for target in panel["targets"]]]
            self.assertEqual({json.dumps(source) for source in sources},
                             {json.dumps({"type": "prometheus", "uid": "${datasource}"})})
            for expression in expressions(dashboard):
                windows = set(re.findall(r"\[([^]]*)\]", expression))
                self.assertLessEqual(windows, {"$__rate_interval", "$__range", "$__interval"}, expression)

    def test_variables_that_are_used_exist(self):
        builtin = {"__all", "__rate_interval", "__range", "__interval", "__url_time_range", "__data", "__value"}
        for dashboard in self.each():
            known = builtin | {variable["name"] for variable in dashboard["templating"]["list"]}
            used = {name for _, text in strings(dashboard) for name in re.findall(r"\$\{?(\w+)", text)}
            self.assertEqual(used - known, set())

    def test_links_lead_to_dashboards_and_variables_that_exist(self):
        variables = {dashboard["uid"]: {variable["name"] for variable in dashboard["templating"]["list"]}
                     for dashboard in DASHBOARDS.values()}
        linked = set()
        for dashboard in self.each():
            urls = {text for key, text in strings(dashboard) if key == "url"}
            for url in urls:
                if url.startswith("/d/"):
                    uid, query = url[3:].split("?")
                    self.assertLessEqual(set(re.findall(r"var-(\w+)=", query)) | {"datasource", "job"}, variables[uid])
                    linked.add((dashboard["uid"], uid))
                else:
                    self.assertTrue(url.startswith("/alerting/list?"), url)
            self.assertTrue(any(url.startswith("/alerting/") for url in urls))
        self.assertEqual(linked, {(a, b) for a in UIDS for b in UIDS if a != b} | (linked & {(a, a) for a in UIDS}))

    def test_alerts_lead_to_dashboards_and_variables_that_exist(self):
        variables = {dashboard["uid"]: {variable["name"] for variable in dashboard["templating"]["list"]}
                     for dashboard in DASHBOARDS.values()}
        addresses = set(re.findall(r"/d/([\w-]+)\?(\S*)", (ROOT / "alerts/agent_exporter.rules.yml").read_text()))
        self.assertTrue(addresses)
        for uid, query in addresses:
            self.assertLessEqual(set(re.findall(r"var-(\w+)=", query)), variables[uid])

    def test_tables_sort_by_a_column_they_have(self):
        for dashboard in self.each():
            for panel in panels(dashboard):
                if panel["type"] == "table":
                    headers = panel["transformations"][-1]["options"]["renameByName"].values()
                    self.assertIn(panel["options"]["sortBy"][0]["displayName"], headers)
                    styled = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
                    self.assertLessEqual(styled, set(headers))


RULES = """
groups:
  - name: test
    rules:
      - {alert: AgentTestAlert, expr: agent_up == 1, labels: {severity: page}}
"""


@unittest.skipUnless(PROMETHEUS, "prometheus is not installed")
class QueriesTest(harness.TestCase):
    """On a live tree with an orphan, a zombie and ended children; an agent that is missing; a host that is down."""

    def setUp(self):
        super().setUp()
        self.root = self.tree("tree", self.tree("wait").path)
        # 15 of 40 descriptors are open: enough for the limit to be drawn.
        resource.prlimit(self.root.pid, resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        config = self.write("agents.yaml", f"""
builtin_profiles: false
sample_interval: 1s
agents:
  - {{name: {self.root.name}, kind: coder, slot: "1", match: {{comm: {self.root.name}}}}}
  - {{name: nosuchagent, kind: coder, match: {{comm: nosuchagent}}}}
  - {{name: reviewer, kind: coder, match: {{comm: claude, cmdline: '^claude 100000'}}}}
""")
        self.claude()
        self.claude_session("waiting", {"type": "assistant", "timestamp": "2999-01-01T00:00:00Z", "message": {
            "id": "m", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}, "content": []}},
                            limits=[{"window": "5h", "used_ratio": 0.5, "reset": time.time() + 1000}])
        self.exporter_ = self.exporter(f"--config.file={config}", "--collector.io", "--collector.scheduling")
        self.exporter_.scrape()
        self.target = f"127.0.0.1:{self.exporter_.port}"
        self.prometheus = Prometheus(self, [self.target, f"127.0.0.1:{free_port()}"], RULES)
        self.root.tell("change")

    def filled_in(self, text, dashboard):
        """With the variables' values: All where there is a choice of several."""
        values = {"job": "agents", "instance": self.target, "agent": self.root.name, "__rate_interval": "10s",
                  "__range": "1m", "__interval": "2s"}
        for variable in dashboard["templating"]["list"]:
            if variable.get("multi"):
                values[variable["name"]] = variable["allValue"]
        return re.sub(r"\$\{?(\w+)\}?", lambda match: values[match[1]], text)

    def ask(self, target, dashboard):
        """The series of a panel's query, as Grafana asks for them."""
        query = self.filled_in(target["expr"], dashboard)
        if target["instant"]:
            data = self.prometheus.api("query", query=query)
        else:
            now = time.time()
            data = self.prometheus.api("query_range", query=query, start=now - 60, end=now, step=2)
        return data and data["result"]

    def test_every_panel_shows_something_or_says_why_it_may_not(self):
        empty, labels = [], {}
        everything = [(dashboard, panel) for dashboard in DASHBOARDS.values() for panel in panels(dashboard)]
        for dashboard, panel in sorted(everything, key=lambda one: may_be_empty(one[1])):
            name = f'{dashboard["title"]}: {panel["title"]}'
            with self.subTest(name):
                seen = set()
                for target in panel["targets"]:
                    if may_be_empty(panel, target):
                        result = self.ask(target, dashboard)
                        self.assertIsNotNone(result, target["expr"])
                    else:
                        result = harness.wait_for(lambda: self.ask(target, dashboard), f'{name}: {target["expr"]}')
                    seen |= {label for series in result for label in series["metric"]}
                    if not result:
                        empty.append((name, target["expr"]))
                    wanted = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
                    if result:
                        self.assertLessEqual(wanted, seen, target["expr"])
                if panel["type"] == "table" and seen:
                    options = panel["transformations"][-1]["options"]
                    columns = {field for field in [*options["renameByName"], *options["excludeByName"]]
                               if not re.match(r"Value( #[A-Z])?$|Time$", field)}
                    labels[name] = (columns, seen)
        for name, (columns, seen) in labels.items():
            with self.subTest(name):
                # An alert's labels are its rule's affair.
                self.assertEqual(columns - seen - {"resource"} if "Alerts" in name else columns - seen, set())
                self.assertEqual(seen - columns, set(), "labels that would show as columns without a name")
        print("\nEmpty here, as they say they may be:", *(f"\n  {name}: {query}" for name, query in empty))

    def test_metrics_are_the_exporters(self):
        shown = {name for name, _ in self.exporter_.fresh()} | {"up", "scrape_duration_seconds", "scrape_samples_scraped",
                                                                "ALERTS"}
        for name, dashboard in DASHBOARDS.items():
            asked = {metric for text in expressions(dashboard) for metric in re.findall(r"\b([A-Za-z_]+)\{", text)}
            with self.subTest(name):
                self.assertEqual({metric for metric in asked - shown if not LATER.fullmatch(metric)}, set())

    def test_variables_offer_what_is_there(self):
        expected = {"job": "agents", "instance": self.target, "agent": self.root.name, "slot": "1"}
        for dashboard in DASHBOARDS.values():
            for variable in dashboard["templating"]["list"][1:]:
                with self.subTest(f'{dashboard["title"]}: {variable["name"]}'):
                    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                    selector = self.filled_in(selector, dashboard)
                    offered = harness.wait_for(lambda: self.prometheus.api(f"label/{label}/values", **{"match[]": selector}),
                                               variable["query"]["query"])
                    self.assertIn(expected[variable["name"]], offered)

    def test_annotations_are_queries(self):
        for dashboard in DASHBOARDS.values():
            for annotation in dashboard["annotations"]["list"]:
                answer = harness.wait_for(lambda: self.prometheus.api(
                    "query", query=self.filled_in(annotation["target"]["expr"], dashboard)), annotation["name"])
                self.assertEqual(answer["resultType"], "vector")


if __name__ == "__main__":
    unittest.main()

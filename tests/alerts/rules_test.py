"""The shipped alert rules: up to date, sound, explained by runbooks, and each one fires when it should and only then.

promtool judges the file as it is shipped. `rules_test.py --update` writes messages.yml, what people get to read, anew.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

import scenarios

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = ROOT / "alerts"
RULES = ALERTS / "agent_exporter.rules.yml"
FLOORS = ALERTS / "agent_exporter.floors.rules.yml"
MESSAGES = pathlib.Path(__file__).with_name("messages.yml")
RUNBOOKS = ROOT / "docs" / "runbooks"
HOST_METRICS = ("up", "agent_host_", "agent_exporter_")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=250, check=False,
                          **options)


def alert_rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule]


def number(value):
    if value is None:
        return "_"
    if value == "stale":
        return value
    return "Inf" if value == float("inf") else f"{value:.12g}"


def notation(values):
    """promtool's: runs of equal values are written short."""
    words, start = [], 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i] != values[start]:
            text, count = number(values[start]), i - start
            if count == 1 or text in ("Inf", "stale"):
                words += [text] * count
            else:
                words.append(f"_x{count}" if text == "_" else f"{text}+0x{count - 1}")
            start = i
    return " ".join(words)


def is_host(scenario):
    return not any("agent" in labels for _, labels, _ in scenario.series)


def place(scenario):
    """The labels that tell its alerts from others'."""
    return {"instance": scenario.name} if is_host(scenario) else {"agent": scenario.name}


def input_series(scenario):
    common = {"job": "agents", "instance": scenario.name if is_host(scenario) else "host-a:10058"}
    for metric, labels, values in scenario.series:
        text = ", ".join(f'{name}="{value}"' for name, value in {**common, **labels}.items())
        yield {"series": f"{metric}{{{text}}}", "values": notation(values)}


def firing(alert, severity, where):
    labels = "".join(f', {name}="{value}"' for name, value in where.items())
    return f'ALERTS{{alertname="{alert}", severity="{severity}", alertstate="firing"{labels}}}'


def evaluated(minute):
    """The minute from which on rules have seen the figures of `minute`: they are evaluated every other one."""
    return minute + minute % 2


def checks(scenario):
    for minute, alert, severity, fires in scenario.checks:
        yield {"expr": f"count({firing(alert, severity, place(scenario))})", "eval_time": f"{evaluated(minute)}m",
               "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
    for alert, severity in scenario.never:
        yield {"expr": f"max(max_over_time({firing(alert, severity, place(scenario))}[{scenarios.LENGTH}m]))",
               "eval_time": f"{scenarios.LENGTH}m", "exp_samples": []}


def test_file(tests, rules=RULES):
    # Without an order promtool takes any, and figures are then one evaluation old or not.
    order = [group["name"] for group in yaml.safe_load(rules.read_text())["groups"]]
    return yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "2m", "group_eval_order": order, "tests": tests},
                          width=100000, sort_keys=False)


def promtool(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(text)
        file.flush()
        result = run("promtool", "test", "rules", file.name)
    return result.returncode, result.stdout + result.stderr


def message_tests(expected):
    """One promtool test with one scenario for each alert and severity, each as it fires, message and all."""
    series, asked = {}, {}
    for scenario in scenarios.all_scenarios():
        for minute, alert, severity, fires in scenario.checks:
            if fires and (alert, severity) not in asked:
                key = f"{alert}/{severity}"
                series[scenario.name] = list(input_series(scenario))
                asked[alert, severity] = {"alertname": alert, "eval_time": f"{evaluated(minute)}m",
                                          "exp_alerts": expected.get(key, [])}
    return asked, {"interval": "1m", "name": "messages", "input_series": [one for many in series.values() for one in many],
                   "alert_rule_test": list(asked.values())}


def update():
    """Takes what promtool says it got for what is expected. Read the difference before you commit it."""
    asked, test = message_tests({})
    _, output = promtool(test_file([test]))
    words = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
    messages = {}
    for (alert, severity), question in asked.items():
        minutes = int(question["eval_time"][:-1])
        time = "".join(f"{n}{unit}" for n, unit in ((minutes // 60, "h"), (minutes % 60, "m")) if n)
        got = output.split(f"alertname: {alert}, time: {time},", 1)[1].split("got:[", 1)[1].split("alertname:", 1)[0]
        messages[f"{alert}/{severity}"] = [
            {"exp_labels": {name: value for name, value in words.findall(labels) if name != "alertname"},
             "exp_annotations": {name: value.encode().decode("unicode_escape") for name, value in words.findall(notes)}}
            for labels, notes in re.findall(r"Labels:\{(.*)\}\s+Annotations:\{(.*)\}", got)]
    MESSAGES.write_text("# What people get to read when an alert of scenarios.py fires; rules_test.py --update writes it.\n" +
                        yaml.safe_dump(messages, width=120, allow_unicode=True))


class FilesTest(unittest.TestCase):
    def test_the_rules_are_what_their_sources_make(self):
        result = run(sys.executable, "-B", ALERTS / "generate.py", "--check")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_promtool_has_no_complaint(self):
        for rules in ALERTS.glob("*.rules.yml"):
            result = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", rules)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_old_vmalerts_read_their_file(self):
        theirs = (ALERTS / "agent_exporter.vmalert.rules.yml").read_text()
        self.assertNotIn("keep_firing_for:", theirs)
        ours = [line for line in RULES.read_text().splitlines() if "keep_firing_for:" not in line]
        self.assertEqual(theirs.splitlines()[2:], ours[2:])

    def test_an_annotation_has_two_queries_at_most(self):
        for rule in alert_rules():
            for name, text in rule["annotations"].items():
                self.assertLessEqual(len(re.findall(r"\| query", text)), 2, f"{rule['alert']} {name}")

    def test_floors_rise_with_a_leak_and_not_with_a_sawtooth(self):
        def of(agent, values):
            labels = f'{{job="agents", instance="a", agent="{agent}", scope="self", resource="fds"}}'
            start = f'agent_self_start_time_seconds{{job="agents", instance="a", agent="{agent}"}}'
            return [{"series": f"agent_resource_used{labels}", "values": notation(values)},
                    {"series": f"agent_resource_limit{labels}", "values": notation([1024] * len(values))},
                    {"series": start, "values": notation([-86400] * len(values))}]

        leak = [102.4] * 100 + [102.4 + 921.6 * (i + 1) / 120 for i in range(120)]
        saw = [102.4 + 307.2 * (i % 30) / 30 for i in range(220)]
        code, output = promtool(test_file([{
            "interval": "1m", "input_series": of("leak", leak) + of("saw", saw),
            "promql_expr_test": [{"expr": "count by (agent) (agent:leak_floor:seconds_to_limit)", "eval_time": "170m",
                                  "exp_samples": [{"labels": '{agent="leak"}', "value": 1}]}]}], FLOORS))
        self.assertEqual(code, 0, output)

    def test_rules_of_a_faster_time_are_sound_too(self):
        for factor in ("60", "7"):
            fast = run(sys.executable, "-B", ALERTS / "generate.py", "--speed-up", factor)
            with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
                file.write(fast.stdout)
                file.flush()
                result = run("promtool", "check", "rules", file.name)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_an_unknown_threshold_is_refused(self):
        result = run(sys.executable, "-B", ALERTS / "generate.py", "--set", "leak.nosuch=1")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("leak.nosuch", result.stderr)

    def test_alertmanagers_example_is_sound(self):
        result = run("amtool", "check-config", ALERTS / "alertmanager.example.yml")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_every_alert_tells_what_a_person_needs(self):
        uids = {json.loads(page.read_text())["uid"] for page in (ROOT / "dashboards").glob("*.json")}
        for rule in alert_rules():
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
                notes = rule["annotations"]
                self.assertEqual(set(notes), {"summary", "description", "runbook_url", "dashboard_url"})
                # As shipped, the one is what the exporter serves and the other a dashboard of this tree.
                self.assertEqual(notes["runbook_url"], f"http://{{{{ $labels.instance }}}}/runbooks/{rule['alert']}.md")
                self.assertTrue((RUNBOOKS / f"{rule['alert']}.md").is_file())
                self.assertIn(re.search(r"/d/([\w-]+)\?", notes["dashboard_url"])[1], uids)

    def test_links_lead_where_the_thresholds_say(self):
        made = run(sys.executable, "-B", ALERTS / "generate.py", "--set", "runbook_base_url=https://wiki.test/r",
                   "--set", "dashboard_base_url=https://grafana.test/g")
        links = re.findall(r"(runbook|dashboard)_url: (https://\w+\.test/[rg]/agent-exporter-|\S+\.md)", made.stdout, re.IGNORECASE)
        self.assertEqual(len(links), 2 * len(alert_rules()))
        for kind, link in links:
            base = "https://wiki.test/r/" if kind == "runbook" else "https://grafana.test/g/"
            self.assertTrue(link.startswith(base), link)


class RunbookTest(unittest.TestCase):
    def test_each_alert_has_one_with_its_four_parts_and_no_other_is_there(self):
        names = {rule["alert"] for rule in alert_rules()}
        self.assertEqual({page.stem for page in RUNBOOKS.glob("*.md")}, names)
        for name in names:
            page = (RUNBOOKS / f"{name}.md").read_text()
            with self.subTest(name):
                self.assertTrue(page.startswith(f"# {name}\n"))
                self.assertEqual(re.findall(r"^## (.*)$", page, re.MULTILINE),
                                 ["Meaning", "Impact", "Diagnosis", "Mitigation"])

    def test_their_commands_exist(self):
        # What every Debian has, and what else is named with where it comes from.
        for page in RUNBOOKS.glob("*.md"):
            for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
                with self.subTest(page.stem):
                    check = run("bash", "-n", input=block)
                    self.assertEqual(check.returncode, 0, check.stderr)
                    for line in block.splitlines():
                        for part in re.split(r"\||;|&&|\$\(", re.sub(r"'[^']*'", "''", line)):
                            word = part.split()[0] if part.split() else ""
                            if not word or word.startswith("#") or "=" in word:
                                continue
                            if word == "agent_exporter":
                                self.assert_exporter_takes(part)
                            else:
                                found = run("bash", "-c", f"command -v {word}")
                                self.assertEqual(found.returncode, 0, f"{word} in: {line}")

    def assert_exporter_takes(self, part):
        words = part.split()
        commands = re.findall(r'add_subcommand\(\s*"([\w-]+)"',
                              "".join(source.read_text() for source in (ROOT / "exporter").glob("*.cc")))
        self.assertIn(words[1], commands, part)

    def test_their_queries_are_sound(self):
        queries = [(page.stem, query) for page in RUNBOOKS.glob("*.md")
                   for block in re.findall(r"^```promql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
                   for query in block.splitlines() if query and not query.startswith("#")]
        self.assertGreater(len(queries), 10)
        rules = {"groups": [{"name": "runbooks", "rules": [{"record": f"runbook:query:n{i}", "expr": query}
                                                          for i, (_, query) in enumerate(queries)]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump(rules, file)
            file.flush()
            result = run("promtool", "check", "rules", file.name)
        self.assertEqual(result.returncode, 0, f"{result.stderr}\n{queries}")


class ScenarioTest(unittest.TestCase):
    def test_every_alert_has_its_scenarios(self):
        fires = {(alert, severity) for scenario in scenarios.all_scenarios()
                 for _, alert, severity, fires in scenario.checks if fires}
        never = {alert for scenario in scenarios.all_scenarios() for alert, _ in scenario.never}
        # One that fires before the gap and after it; what an absence tells is not lost in one either.
        over_gap = {scenario.alert for scenario in scenarios.all_scenarios() if "gap" in scenario.name and
                    (scenario.never or sum(fires for *_, fires in scenario.checks) >= 2)}
        rules = {(rule["alert"], rule["labels"]["severity"]) for rule in alert_rules()}
        self.assertEqual(fires, rules)
        self.assertEqual({alert for alert, _ in rules} - never, set())
        over_restart = {scenario.alert for scenario in scenarios.all_scenarios()
                        if re.search("restart|reboot", scenario.name) and scenario.checks + scenario.never}
        for named in (over_gap, over_restart):
            self.assertEqual({alert for alert, _ in rules} - named, set())

    def test_fires_when_it_should_and_only_then(self):
        everything = scenarios.all_scenarios()
        names = [scenario.name for scenario in everything]
        self.assertEqual(len(names), len(set(names)))
        code, output = promtool(test_file([{
            "interval": "1m", "name": "scenarios",
            "input_series": [series for scenario in everything for series in input_series(scenario)],
            "promql_expr_test": [check for scenario in everything for check in checks(scenario)]}]))
        self.assertEqual(code, 0, output)

    def test_messages_read_as_written_down(self):
        messages = yaml.safe_load(MESSAGES.read_text())
        asked, test = message_tests(messages)
        self.assertEqual(set(messages), {f"{alert}/{severity}" for alert, severity in asked})
        for key, alerts in messages.items():
            self.assertIn(key.split("/")[1], [alert["exp_labels"]["severity"] for alert in alerts])
            for alert in alerts:
                for text in alert["exp_annotations"].values():
                    self.assertNotRegex(text, r"<error|%!|<no value>|NaN", key)
        code, output = promtool(test_file([test]))
        self.assertEqual(code, 0, output)


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()

"""The stack of deploy/compose: what its files name is there, and its programs take their configurations."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
import yaml

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "deploy/compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def mounts(service):
    """{path in the container: path here or name of a volume}"""
    return {parts[1]: parts[0] for parts in (volume.split(":") for volume in SERVICES[service].get("volumes", []))}


def here(service, path):
    """The file of this tree that a path in the container is; None if none is mounted there."""
    for target, source in mounts(service).items():
        if source.startswith(".") and (path == target or path.startswith(target + "/")):
            return (FOLDER / source).resolve() / path[len(target) + 1:] if path != target else (FOLDER / source).resolve()
    return None


def option(service, name):
    return next(argument.split("=", 1)[1] for argument in SERVICES[service]["command"] if argument.startswith(f"{name}="))


class ComposeTest(unittest.TestCase):
    def check(self, *command):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_services_are_pinned_and_stay_on_this_host(self):
        self.assertEqual(set(SERVICES), {"exporter", "prometheus", "alertmanager", "grafana"})
        for name, service in SERVICES.items():
            with self.subTest(name):
                self.assertTrue("build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"]))
                self.assertTrue(all(port.startswith("127.0.0.1:") for port in service["ports"]))
        self.assertTrue((FOLDER / SERVICES["exporter"]["build"] / "Dockerfile").is_file())

    def test_what_is_mounted_exists(self):
        for name in SERVICES:
            for target, source in mounts(name).items():
                with self.subTest(f"{name}: {target}"):
                    if source.startswith("."):
                        self.assertTrue((FOLDER / source).exists(), source)
                    else:
                        self.assertTrue(source.startswith("/") or source in COMPOSE["volumes"], source)

    def test_the_exporter_knows_its_flags(self):
        help_text = harness.run("--help").stdout
        for argument in SERVICES["exporter"]["command"][1:]:
            self.assertRegex(help_text, rf'(?m)^  {re.escape(argument.split("=")[0])} ')
            self.assertIn(argument.split("=")[1], mounts("exporter"))

    def test_prometheus_takes_its_configuration(self):
        config = yaml.safe_load(here("prometheus", option("prometheus", "--config.file")).read_text())
        rules = [here("prometheus", path) for path in config["rule_files"]]
        self.assertTrue(all(path and path.is_file() for path in rules), rules)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({**config, "rule_files": [str(path) for path in rules]}, file)
            file.flush()
            self.check("promtool", "check", "config", file.name)
        targets = [target for part in (config["scrape_configs"], config["alerting"]["alertmanagers"]) for one in part
                   for group in one["static_configs"] for target in group["targets"]]
        for target in targets:
            service, port = target.split(":")
            self.assertIn(f"127.0.0.1:{port}:{port}", SERVICES[service]["ports"])

    @unittest.skipUnless(shutil.which("amtool"), "amtool is not installed (Debian: prometheus-alertmanager)")
    def test_alertmanager_takes_its_configuration(self):
        self.check("amtool", "check-config", here("alertmanager", option("alertmanager", "--config.file")))

    def test_grafana_finds_its_dashboards_and_prometheus(self):
        provisioning = "/etc/grafana/provisioning"
        provider = yaml.safe_load(here("grafana", f"{provisioning}/dashboards/agent_exporter.yaml").read_text())["providers"]
        path = provider[0]["options"]["path"]
        mounted = {here("grafana", target) for target in mounts("grafana") if target.startswith(path + "/")}
        self.assertEqual(mounted, set((ROOT / "dashboards").glob("*.json")))
        home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertIn(here("grafana", home), mounted)
        sources = yaml.safe_load(here("grafana", f"{provisioning}/datasources/prometheus.yaml").read_text())["datasources"]
        service, port = re.fullmatch(r"http://(\w+):(\d+)", sources[0]["url"]).groups()
        self.assertIn(f"127.0.0.1:{port}:{port}", SERVICES[service]["ports"])
        scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["global"]["scrape_interval"]
        self.assertEqual(sources[0]["jsonData"]["timeInterval"], scrape)


if __name__ == "__main__":
    unittest.main()

"""deploy/kubernetes: what its files name fits together, and the program takes the flags and the configuration."""

import pathlib
import re
import subprocess
import unittest

import harness
import yaml

FOLDER = pathlib.Path(__file__).parents[2] / "deploy/kubernetes"
OBJECTS = {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "daemonset.yaml").read_text())}
POD = OBJECTS["DaemonSet"]["spec"]["template"]
CONTAINER = POD["spec"]["containers"][0]
MOUNTS = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}


class KubernetesTest(harness.TestCase):
    def test_names_agree(self):
        namespace = OBJECTS["Namespace"]["metadata"]["name"]
        self.assertEqual({OBJECTS[kind]["metadata"]["namespace"] for kind in ("ConfigMap", "DaemonSet")}, {namespace})
        self.assertLessEqual(OBJECTS["DaemonSet"]["spec"]["selector"]["matchLabels"].items(),
                             POD["metadata"]["labels"].items())
        volumes = {volume["name"]: volume for volume in POD["spec"]["volumes"]}
        self.assertEqual(set(MOUNTS.values()), set(volumes))
        self.assertEqual(volumes["config"]["configMap"]["name"], OBJECTS["ConfigMap"]["metadata"]["name"])
        for path in ("/proc", "/sys"):
            self.assertEqual(volumes[MOUNTS[f"/host{path}"]]["hostPath"]["path"], path)

    def test_the_flags_exist_and_name_what_is_mounted(self):
        help_text = harness.run("--help").stdout
        command, *flags = CONTAINER["args"]
        self.assertRegex(help_text, rf"(?m)^  {command} ")
        for flag in flags:
            name, value = flag.split("=")
            self.assertRegex(help_text, rf"(?m)^  {re.escape(name)} ")
            if value.startswith("/"):
                self.assertTrue(value in MOUNTS or str(pathlib.Path(value).parent) in MOUNTS, value)
        self.assertIn(CONTAINER["env"][0]["value"], MOUNTS)

    def test_the_configuration_is_one(self):
        name = next(flag for flag in CONTAINER["args"] if flag.startswith("--config.file=")).rsplit("/", 1)[1]
        result = harness.run("check-config", self.write(name, OBJECTS["ConfigMap"]["data"][name]))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_the_probes_and_the_port_are_served(self):
        exporter = self.exporter(f"--config.file={self.config_for()}")
        for probe in ("livenessProbe", "readinessProbe"):
            get = CONTAINER[probe]["httpGet"]
            self.assertEqual(exporter.get(get["path"]).status, 200)
            self.assertEqual(get["port"], CONTAINER["ports"][0]["name"])
        self.assertRegex(harness.run("--help").stdout, rf":{CONTAINER['ports'][0]['containerPort']}\b")

    def test_prometheus_takes_the_job_and_finds_the_pods(self):
        job = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]
        # Debian's Prometheus is built without Kubernetes: it can judge the rest.
        discovery = job.pop("kubernetes_sd_configs")
        self.assertEqual(discovery, [{"role": "pod", "namespaces": {"names": [OBJECTS["Namespace"]["metadata"]["name"]]}}])
        checked = self.write("prometheus.yml", yaml.safe_dump({"scrape_configs": [job]}))
        result = subprocess.run(["promtool", "check", "config", checked], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        kept = {rule["source_labels"][0]: rule["regex"] for rule in job["relabel_configs"] if rule.get("action") == "keep"}
        self.assertEqual(kept, {
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": POD["metadata"]["labels"]["app.kubernetes.io/name"],
            "__meta_kubernetes_pod_container_port_name": CONTAINER["ports"][0]["name"]})


if __name__ == "__main__":
    unittest.main()

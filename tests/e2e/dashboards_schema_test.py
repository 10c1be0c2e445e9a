"""The dashboards are what Grafana's published types (@grafana/schema, from npm) say a dashboard is."""

import filecmp
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

DASHBOARDS = pathlib.Path(__file__).parents[2] / "dashboards"
SCHEMA = DASHBOARDS / "schema"
# Where the packages go; kept, so that only the first run fetches them.
PACKAGES = pathlib.Path(os.environ.get("SCHEMA_PACKAGES") or tempfile.mkdtemp(prefix="agent_exporter_schema_"))


def run(*command):
    return subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, check=False)


@unittest.skipUnless(shutil.which("npm"), "npm is not installed")
class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        PACKAGES.mkdir(parents=True, exist_ok=True)
        lock, installed = PACKAGES / "package-lock.json", PACKAGES / "node_modules/.package-lock.json"
        if not (installed.exists() and lock.exists() and filecmp.cmp(SCHEMA / "package-lock.json", lock, shallow=False)):
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SCHEMA / name, PACKAGES)
            result = run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
            if result.returncode != 0:
                raise AssertionError(f"npm ci: {result.stdout}{result.stderr}")
        shutil.copy(SCHEMA / "types.ts", PACKAGES)

    def errors(self, dashboards):
        """{name: what the compiler says of it}. As literals, so that keys the types do not know count as well."""
        for name, text in dashboards.items():
            (PACKAGES / f"{name}.ts").write_text("import type { CheckedDashboard } from './types';\n"
                                                 f"export const dashboard: CheckedDashboard = {text};\n")
        result = run("node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext",
                     "--moduleResolution", "bundler", "--target", "es2022", *(f"{name}.ts" for name in dashboards))
        self.assertEqual(result.returncode == 0, result.stdout == "", result.stderr)
        return {name: [line for line in result.stdout.splitlines() if line.startswith(f"{name}.ts(")]
                for name in dashboards}

    def test_each_dashboard(self):
        errors = self.errors({path.stem: path.read_text() for path in DASHBOARDS.glob("*.json")})
        self.assertEqual(errors, {"fleet": [], "agent": [], "host": [], "exporter": [], "sessions": []})

    def test_mistakes_are_found(self):
        good = (DASHBOARDS / "host.json").read_text()
        mistakes = (('"graphTooltip": 1', '"graphTooltip": 7'), ('"graphMode": "area"', '"graphMode": "aera"'),
                    ('"fillOpacity"', '"fillOpacities"'), ('"schemaVersion": 42', '"schemaVersion": "42"'),
                    ('"cellHeight"', '"rowHeight"'))
        for right, _ in mistakes:
            self.assertIn(right, good)
        errors = self.errors({f"mistake{index}": good.replace(*mistake) for index, mistake in enumerate(mistakes)})
        for index, (_, wrong) in enumerate(mistakes):
            with self.subTest(wrong):
                self.assertNotEqual(errors[f"mistake{index}"], [])


if __name__ == "__main__":
    unittest.main()

"""Both formats of a live scrape, as their own parsers and linters see them."""

import re
import unittest

import harness


class FormatsTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        other = self.tree("wait")
        self.root = self.tree("tree", other.path)
        self.exporter_ = self.exporter(f"--config.file={self.config_for(self.root.name, other.name)}",
                                       "--collector.io", "--collector.scheduling")

    def test_promtool_is_content(self):
        self.assertEqual(harness.promtool_check(self.exporter_.get().text), "")

    def test_content_types(self):
        for accept, content_type in (
                ("", "text/plain; version=0.0.4; charset=utf-8"),
                ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                 "application/openmetrics-text; version=1.0.0; charset=utf-8"),
                ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                 "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                 "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                 "application/openmetrics-text; version=1.0.0; charset=utf-8"),
                ("text/plain;version=0.0.4, application/openmetrics-text;q=0",
                 "text/plain; version=0.0.4; charset=utf-8")):
            with self.subTest(accept):
                answer = self.exporter_.get(accept=accept)
                self.assertEqual(answer.headers["Content-Type"], content_type)
                self.assertEqual(answer.text.endswith("# EOF\n"), "openmetrics" in content_type)

    def test_both_carry_the_same_samples(self):
        # The ledger has figures from its first write on, which comes from a thread of its own.
        harness.wait_for(lambda: harness.key("agent_exporter_ledger_last_write_timestamp_seconds") in self.exporter_.scrape(),
                         "the ledger's first write")
        text = self.exporter_.scrape()
        openmetrics = self.exporter_.scrape(accept=harness.OPENMETRICS)
        self.assertGreater(len(text), 100)
        self.assertEqual(set(text), set(openmetrics))

    def test_openmetrics_has_type_and_unit(self):
        families = {family.name: family for family in harness.parse_openmetrics_families(
            self.exporter_.get(accept=harness.OPENMETRICS).text)}
        for name, kind, unit in (("agent_self_resident_memory_bytes", "gauge", "bytes"),
                                 ("agent_descendants_cpu_seconds", "counter", "seconds"),
                                 ("agent_resource_used_ratio", "gauge", "ratio"),
                                 ("agent_exporter_build", "info", "")):
            with self.subTest(name):
                self.assertEqual((families[name].type, families[name].unit), (kind, unit))
                self.assertTrue(families[name].documentation)

    def test_every_family_says_what_it_is(self):
        text = self.exporter_.get().text
        names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            with self.subTest(name):
                self.assertRegex(text, rf"(?m)^# HELP {name} \S.*\.$")


if __name__ == "__main__":
    unittest.main()

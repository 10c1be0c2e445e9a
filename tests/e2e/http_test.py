"""The routes, headers and parameters of the running program."""

import gzip
import os
import pathlib
import re
import socket
import threading
import time
import unittest

import harness


class HttpTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.root = self.tree("wait")
        self.config = self.config_for(self.root.name)

    def start(self, *flags):
        return self.exporter(f"--config.file={self.config}", *flags)

    @staticmethod
    def collectors(samples):
        return {dict(labels)["collector"] for name, labels in samples if name == "agent_exporter_collector_success"}

    def test_health(self):
        exporter = self.start()
        for path in ("/-/healthy", "/-/ready"):
            with self.subTest(path):
                self.assertEqual(exporter.get(path).status, 200)
                self.assertEqual(exporter.request("POST", path).status, 405)

    def test_page_links_and_files_are_there(self):
        exporter = self.start("--web.telemetry-path=/my<metrics>")
        page = exporter.get("/")
        self.assertEqual(page.status, 200)
        self.assertEqual(page.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertNotIn("<metrics>", page.text)
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
        self.assertEqual(page.headers["X-Content-Type-Options"], "nosniff")
        links = [link for link in re.findall(r'(?:href|src)="([^"#]+)"', page.text) if not link.startswith("data:")]
        modules = re.findall(r'from "\./([^"]+)"', exporter.get("/page.js").text)
        self.assertGreater(len(modules), 3)
        self.assertEqual(len(links), 7)
        for link in links + modules:
            with self.subTest(link):
                target = "/" + link.replace("&lt;", "%3C").replace("&gt;", "%3E").lstrip("/")
                self.assertEqual(exporter.get(target).status, 200)
        self.assertEqual(exporter.get("/metrics").status, 404)

    def test_a_file_that_did_not_change_is_not_sent_again(self):
        exporter = self.start()
        first = exporter.request("GET", "/chart.js", {"Accept-Encoding": "gzip"})
        self.assertIn(b"Chart.js v", gzip.decompress(first.body))
        again = exporter.request("GET", "/chart.js",
                                 {"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        self.assertIsNone(again.headers["Content-Length"])

    def test_metrics_may_take_the_place_of_the_page(self):
        exporter = self.start("--web.telemetry-path=/")
        self.assert_value(exporter.scrape("/"), 1, "agent_up", agent=self.root.name)

    def test_only_whole_paths_and_reading_methods(self):
        exporter = self.start()
        for path in ("/metrics/", "/metrics/x", "/metric", "//metrics", "/x/../metrics"):
            with self.subTest(path):
                self.assertEqual(exporter.get(path).status, 404)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            with self.subTest(method):
                refused = exporter.request(method, "/metrics")
                self.assertEqual(refused.status, 405)
                self.assertEqual(refused.headers["Allow"], "GET, HEAD")

    def test_head_has_the_headers_without_the_body(self):
        exporter = self.start()
        head = exporter.request("HEAD", "/metrics")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertGreater(int(head.headers["Content-Length"]), 1000)

    def test_gzip_only_for_those_who_take_it(self):
        exporter = self.start()
        for accepted, zipped in (("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("", False)):
            with self.subTest(accepted):
                answer = exporter.request("GET", "/metrics", {"Accept-Encoding": accepted})
                self.assertEqual(answer.headers["Content-Encoding"], "gzip" if zipped else None)
                body = gzip.decompress(answer.body) if zipped else answer.body
                self.assert_value(harness.parse(body.decode()), 1, "agent_up", agent=self.root.name)
                self.assertEqual(answer.headers["Vary"], "Accept, Accept-Encoding")

    def test_collect_and_exclude(self):
        exporter = self.start()
        everything = self.collectors(exporter.scrape())
        self.assertLessEqual({"agent_self", "load"}, everything)
        self.assertEqual(self.collectors(exporter.scrape("/metrics?collect[]=load&collect%5B%5D=agent_self")),
                         {"load", "agent_self"})
        self.assertEqual(self.collectors(exporter.scrape("/metrics?exclude[]=load")), everything - {"load"})
        both = exporter.scrape("/metrics?collect[]=load&collect[]=agent_self&exclude[]=load")
        self.assertEqual(self.collectors(both), {"agent_self"})
        only_load = exporter.scrape("/metrics?collect[]=load")
        self.assertEqual(len(harness.matching(only_load, "agent_host_load1")), 1)
        self.assert_absent(only_load, "agent_up")

    def test_unknown_collector_is_refused_in_one_line(self):
        exporter = self.start()
        for query in ("collect[]=nosuch", "exclude[]=nosuch", "collect[]=load&collect[]=nosuch"):
            with self.subTest(query):
                refused = exporter.get(f"/metrics?{query}")
                self.assertEqual(refused.status, 400)
                self.assertRegex(refused.text, r'\A.*"nosuch".*load.*\n\Z')

    def test_collector_flags(self):
        switched_off = self.collectors(self.start("--no-collector.load", "--collector.io").scrape())
        self.assertNotIn("load", switched_off)
        self.assertLessEqual({"io", "agent_self"}, switched_off)
        only = self.start("--collector.disable-defaults", "--collector.load")
        self.assertEqual(self.collectors(only.scrape()), {"load"})
        self.assertEqual(only.get("/metrics?collect[]=agent_self").status, 400)

    def test_without_exporter_metrics(self):
        names = {name for name, _ in self.start("--web.disable-exporter-metrics").scrape()}
        self.assertIn("agent_up", names)
        unwanted = ("process_", "agent_exporter_build_info", "agent_exporter_scrapes")
        self.assertEqual({name for name in names if name.startswith(unwanted)}, set())

    def test_flags_from_the_environment(self):
        exporter = self.exporter(env={"AGENT_EXPORTER_CONFIG_FILE": self.config,
                                      "AGENT_EXPORTER_WEB_TELEMETRY_PATH": "/elsewhere",
                                      "AGENT_EXPORTER_COLLECTOR_LOAD": "false"})
        samples = exporter.scrape("/elsewhere")
        self.assert_value(samples, 1, "agent_up", agent=self.root.name)
        self.assertNotIn("load", self.collectors(samples))

    def test_scrapes_are_counted_by_format(self):
        exporter = self.start()
        for _ in range(3):
            exporter.scrape()
        samples = exporter.scrape(accept=harness.OPENMETRICS)
        self.assert_value(samples, 3, "agent_exporter_scrapes_total", format="text")
        self.assert_value(samples, 1, "agent_exporter_scrapes_total", format="openmetrics")

    def test_too_many_scrapes_at_once(self):
        # A file that nobody writes to yet holds the look at the kernel up, and with it the scrape that wants it.
        self.write("proc/stat", "btime 1700000000\n")
        exporter = self.start("--web.max-requests=1", f"--path.procfs={self.directory}/proc")
        slow = f"{self.directory}/proc/meminfo"
        os.mkfifo(slow)
        time.sleep(0.6)  # until the first look is too old to be shared
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(exporter.get())) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            harness.wait_for(lambda: len(answers) == 2, "two scrapes to be turned away")
            for answer in answers:
                self.assertEqual(answer.status, 503)
                self.assertIn("--web.max-requests", answer.text)
            self.assertEqual(exporter.get("/-/healthy").status, 200)
        finally:
            pathlib.Path(slow).write_text("MemTotal: 8 kB\nMemAvailable: 4 kB\n")
            os.remove(slow)
            for thread in threads:
                thread.join()
        self.assertEqual(answers[2].status, 200)
        self.assert_value(harness.parse(answers[2].text), 8192, "agent_host_memory_total_bytes")
        self.assertEqual(exporter.get().status, 200)

    def test_only_scrapes_may_come_by_another_hosts_name(self):
        exporter = self.start("--web.allowed-host=proxy.example", "--web.allowed-host=agents.example")
        for host, status in (("evil.example", 421), (f"evil.example:{exporter.port}", 421), ("127.0.0.1.evil.example", 421),
                             ("127.0.0.1", 200), ("localhost:1", 200), ("agents.example", 200), (os.uname().nodename, 200)):
            with self.subTest(host):
                self.assertEqual(exporter.request("GET", "/", {"Host": host}).status, status)
                self.assertEqual(exporter.request("GET", "/agents", {"Host": host}).status, 401 if status == 200 else 421)
                for path in ("/metrics", "/-/healthy"):
                    self.assertEqual(exporter.request("GET", path, {"Host": host}).status, 200)
        self.assertIn("--web.allowed-host", exporter.request("GET", "/agents", {"Host": "evil.example"}).text)

    def test_junk_on_the_wire_does_no_harm(self):
        exporter = self.start()
        for junk in (b"\x00\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"A" * 20000,
                     b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"):
            with self.subTest(junk[:20]), socket.create_connection(("127.0.0.1", exporter.port)) as client:
                client.settimeout(harness.PATIENCE)
                try:
                    client.sendall(junk)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass
                except OSError:
                    pass  # hung up on us: as good an answer as 400
                self.assert_value(exporter.scrape(), 1, "agent_up", agent=self.root.name)


if __name__ == "__main__":
    unittest.main()

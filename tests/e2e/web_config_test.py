"""--web.config.file on the running program: TLS and passwords, seen by curl, openssl s_client and Prometheus."""

import json
import os
import shutil
import signal
import socket
import subprocess
import unittest
import urllib.request

import harness

# Of "secret", at the lowest cost there is.
SECRET = "$2y$04$N9qo8uLOickgx2ZMRZoMye3eddwbvBZq9Vw2uHywyANtuDH4xsNoe"
TOKEN = "0123456789abcdef0123456789abcdef"


def openssl(*arguments, **options):
    result = subprocess.run(["openssl", *arguments], capture_output=True, timeout=harness.PATIENCE, check=False,
                            **options)
    if result.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {result.stderr.decode()}")
    return result.stdout.decode()


class WebConfigTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.root = self.tree("wait")
        self.config = self.config_for(self.root.name)
        self.token_file = self.write("token", TOKEN)
        os.chmod(self.token_file, 0o600)

    def path(self, name):
        return f"{self.directory}/{name}"

    def make_ca(self, name="ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt"))

    def make_certificate(self, name, ca="ca"):
        """name.crt and name.key, signed by ca, for 127.0.0.1."""
        extensions = self.write("extensions", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"))
        openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{ca}.crt"),
                "-CAkey", self.path(f"{ca}.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions,
                "-out", self.path(f"{name}.crt"))

    def make_certificates(self):
        self.make_ca()
        self.make_certificate("server")
        self.make_certificate("client")
        self.make_ca("other")
        self.make_certificate("stranger", ca="other")

    def start(self, web_config, *flags):
        """The program with this web configuration; harness.Exporter speaks neither TLS nor passwords."""
        path = self.write("web.yml", web_config)
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [harness.EXPORTER, "--web.listen-address=127.0.0.1:0", f"--config.file={self.config}",
             f"--web.config.file={path}", f"--web.token-file={self.token_file}", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={key: value for key, value in os.environ.items()
                 if not key.startswith("AGENT_EXPORTER_")})
        log = harness.Lines(process.stderr)

        def end():
            process.kill()
            process.wait()
            log.join()
            process.stderr.close()

        self.addCleanup(end)
        self.process, self.log = process, log
        scheme, port = log.find(r"listening on (https?)://127\.0\.0\.1:(\d+)/").groups()
        self.port = int(port)
        self.url = f"{scheme}://127.0.0.1:{port}"

    def curl(self, path, *flags):
        """(status, body) of a request; status 0 when there was no answer."""
        body = self.path("body")
        if os.path.exists(body):
            os.unlink(body)
        result = subprocess.run(["curl", "-sS", "-m", str(harness.PATIENCE), "-o", body, "-w", "%{http_code}", *flags,
                                 self.url + path], capture_output=True, text=True, check=False)
        self.curl_error = result.stderr
        text = ""
        if os.path.exists(body):
            with open(body, encoding="utf-8") as file:
                text = file.read()
        return int(result.stdout or 0), text

    def tls(self, more=""):
        return f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}"

    def s_client(self, *flags):
        """What openssl s_client says of a handshake; None if there was none."""
        result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile",
                                 self.path("ca.crt"), "-verify_return_error", *flags], input=b"", capture_output=True,
                                timeout=harness.PATIENCE, check=False)
        return result.stdout.decode("utf-8", "replace") if result.returncode == 0 else None

    def test_handshakes_that_never_end_stop_nobody(self):
        self.make_certificates()
        self.start(self.tls())
        silent = []
        for _ in range(100):  # more than there are threads
            silent.append(socket.create_connection(("127.0.0.1", self.port)))
            silent[-1].sendall(b"\x16\x03\x01\x02\x00")  # the head of a ClientHello
            self.addCleanup(silent[-1].close)
        self.assertEqual(self.curl("/-/healthy", "--cacert", self.path("ca.crt"))[0], 200)
        for one in silent:
            one.settimeout(harness.PATIENCE)
            try:
                while one.recv(4096):
                    pass
            except ConnectionResetError:
                pass

    def test_tls(self):
        self.make_certificates()
        self.start(self.tls())
        self.assertTrue(self.url.startswith("https:"))
        status, text = self.curl("/metrics", "--cacert", self.path("ca.crt"))
        self.assertEqual(status, 200, self.curl_error)
        self.assert_value(harness.parse(text), 1, "agent_up", agent=self.root.name)
        # The chain is checked by the client; another CA is not this one's.
        self.assertEqual(self.curl("/metrics", "--cacert", self.path("other.crt"))[0], 0)
        # Plain HTTP on this port is no answer, and does no harm.
        with socket.create_connection(("127.0.0.1", self.port), timeout=harness.PATIENCE) as plain:
            plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            with self.subTest("plain"):
                try:
                    self.assertNotIn(b"200 OK", plain.recv(4096))
                except ConnectionResetError:
                    pass
        self.assertEqual(self.curl("/-/healthy", "--cacert", self.path("ca.crt"))[0], 200)

    def test_tls_versions(self):
        self.make_certificates()
        self.start(self.tls())
        self.assertIn("TLSv1.3", self.s_client())
        self.assertIn("TLSv1.2", self.s_client("-tls1_2"))
        self.assertIsNone(self.s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"))

    def test_min_version(self):
        self.make_certificates()
        self.start(self.tls("  min_version: TLS13\n"))
        self.assertIn("TLSv1.3", self.s_client())
        self.assertIsNone(self.s_client("-tls1_2"))

    def test_client_certificates(self):
        self.make_certificates()
        self.start(self.tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"))
        ca = ("--cacert", self.path("ca.crt"))
        self.assertEqual(self.curl("/metrics", *ca)[0], 0)
        mine = ("--cert", self.path("client.crt"), "--key", self.path("client.key"))
        self.assertEqual(self.curl("/metrics", *ca, *mine)[0], 200, self.curl_error)
        stranger = ("--cert", self.path("stranger.crt"), "--key", self.path("stranger.key"))
        self.assertEqual(self.curl("/metrics", *ca, *stranger)[0], 0)

    def test_client_certificates_that_need_not_be_there(self):
        self.make_certificates()
        ca = ("--cacert", self.path("ca.crt"))
        stranger = ("--cert", self.path("stranger.crt"), "--key", self.path("stranger.key"))
        self.start(self.tls("  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n"))
        self.assertEqual(self.curl("/metrics", *ca)[0], 200, self.curl_error)
        self.assertEqual(self.curl("/metrics", *ca, *stranger)[0], 0)
        self.start(self.tls("  client_auth_type: RequireAnyClientCert\n"))
        self.assertEqual(self.curl("/metrics", *ca)[0], 0)
        self.assertEqual(self.curl("/metrics", *ca, *stranger)[0], 200, self.curl_error)

    def test_the_other_keys_of_exporter_toolkit(self):
        self.make_certificates()

        def inline(key, name):
            with open(self.path(name), encoding="ascii") as file:
                return f"  {key}: |\n" + "".join(f"    {line}" for line in file)

        def config(san):
            return ("tls_server_config:\n" + inline("cert", "server.crt") + inline("key", "server.key") + inline("client_ca", "ca.crt") +
                    f"  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [{san}]\n  max_version: TLS12\n"
                    "  cipher_suites: [TLS_NONE_SUCH, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  curve_preferences: [CurveP256]\n"
                    "http_server_config: {http2: true, headers: {X-Frame-Options: deny}}\nrate_limit: {interval: 1h, burst: 2}\n")

        mine = ("--cacert", self.path("ca.crt"), "--cert", self.path("client.crt"), "--key", self.path("client.key"))
        self.start(config("192.0.2.1"))
        self.assertEqual(self.curl("/-/healthy", *mine)[0], 0)
        self.start(config("127.0.0.1"))
        self.assertIn("no TLS_NONE_SUCH", "".join(self.log.all))
        shown = self.s_client("-cert", self.path("client.crt"), "-key", self.path("client.key"))
        self.assertIn("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384", shown)
        self.assertIsNone(self.s_client("-cert", self.path("client.crt"), "-key", self.path("client.key"), "-tls1_3"))
        status, text = self.curl("/-/healthy", *mine, "-i")
        self.assertEqual(status, 200, self.curl_error)
        self.assertIn("X-Frame-Options: deny", text)
        self.assertEqual(self.curl("/-/healthy", *mine)[0], 200)
        self.assertEqual(self.curl("/-/healthy", *mine)[0], 429)

    def test_a_renewed_certificate_needs_no_restart(self):
        self.make_certificates()
        self.start(self.tls())

        def serial():
            shown = self.s_client()
            return shown and openssl("x509", "-noout", "-serial", input=shown.encode())

        old = serial()
        # Half of it first: the old pair stays, and the log says so.
        self.make_certificate("renewed")
        os.replace(self.path("renewed.crt"), self.path("server.crt"))
        harness.wait_for(lambda: self.s_client() and any("keeping the old ones" in line for line in self.log.all),
                         "a line about the half")
        self.assertEqual(serial(), old)
        os.replace(self.path("renewed.key"), self.path("server.key"))
        harness.wait_for(lambda: serial() not in (None, old), "the new certificate")

    def test_bad_files_are_named(self):
        self.make_certificates()
        for change, message in (
                ("cert_file: nowhere.crt", "cannot read cert_file"),
                ("cert_file: web.yml", "contains no certificate in PEM format"),
                ("cert_file: client.crt", "does not match cert_file"),
                ("cert_fil: server.crt", 'web.yml:2: unknown key "cert_fil"; did you mean cert_file?')):
            with self.subTest(change):
                path = self.write("web.yml", self.tls().replace("cert_file: server.crt", change))
                result = harness.run(f"--web.config.file={path}", "--web.listen-address=127.0.0.1:0",
                                     f"--web.token-file={self.token_file}")
                self.assertIn(result.returncode, (1, 2))
                self.assertIn(message, result.stderr.replace('\\"', '"'))

    def test_passwords_guard_every_route(self):
        self.start(f"basic_auth_users:\n  ann: {SECRET}\n")
        for path in ("/metrics", "/-/healthy", "/-/ready", "/", "/nothing"):
            with self.subTest(path):
                self.assertEqual(self.curl(path)[0], 401)
                self.assertEqual(self.curl(path, "-u", "ann:wrong")[0], 401)
                self.assertEqual(self.curl(path, "-u", "eve:secret")[0], 401)
                self.assertEqual(self.curl(path, "-u", "ann:secret")[0], 404 if path == "/nothing" else 200)
                self.assertEqual(self.curl(path, "-H", f"Authorization: Bearer {TOKEN}")[0],
                                 404 if path == "/nothing" else 200)
        self.assertEqual(self.curl("/metrics", "-X", "POST")[0], 401)
        self.assertIn("Basic realm=", subprocess.run(["curl", "-sSI", self.url + "/metrics"], capture_output=True,
                                                     text=True, check=True).stdout)

    def test_new_passwords_by_sighup(self):
        self.start(f"basic_auth_users:\n  ann: {SECRET}\n")
        self.assertEqual(self.curl("/metrics", "-u", "ann:secret")[0], 200)
        self.write("web.yml", f"basic_auth_users:\n  bob: {SECRET}\n")
        self.process.send_signal(signal.SIGHUP)
        self.log.find("configuration reloaded")
        self.assertEqual(self.curl("/metrics", "-u", "ann:secret")[0], 401)
        self.assertEqual(self.curl("/metrics", "-u", "bob:secret")[0], 200)
        # A broken file is refused, and the users stay.
        self.write("web.yml", "basic_auth_users:\n  bob: plain\n")
        self.process.send_signal(signal.SIGHUP)
        self.log.find("web.yml:2: the password of user")
        self.assertEqual(self.curl("/metrics", "-u", "bob:secret")[0], 200)

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus_scrapes_over_tls_with_a_password(self):
        self.make_certificates()
        self.start(self.tls(f"basic_auth_users:\n  prometheus: {SECRET}\n"))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        job = ("  - job_name: {name}\n    scheme: https\n    tls_config: {{ca_file: {ca}}}\n"
               "    basic_auth: {{username: prometheus, password: {password}}}\n"
               "    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
        config = self.write("prometheus.yml", "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" +
                            job.format(name="right", ca=self.path("ca.crt"), password="secret", port=self.port) +
                            job.format(name="wrong", ca=self.path("ca.crt"), password="guess", port=self.port))
        with open(self.path("prometheus.log"), "wb") as log:
            prometheus = subprocess.Popen(  # pylint: disable=consider-using-with
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.path('data')}",
                 f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.kill)

        def up():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=up",
                                            timeout=harness.PATIENCE) as answer:
                    result = json.load(answer)["data"]["result"]
            except OSError:
                return {}
            return {sample["metric"]["job"]: sample["value"][1] for sample in result}

        harness.wait_for(lambda: up() == {"right": "1", "wrong": "0"}, "one job up, the other down")


if __name__ == "__main__":
    unittest.main()

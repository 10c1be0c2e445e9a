#include "exporter/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>

namespace agent_exporter::exporter {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kHash[] = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

absl::StatusOr<WebConfig> Parse(const std::string& text) { return ParseWebConfig(text, "/etc/web.yml"); }

TEST(WebConfigTest, ReadsWhatExporterToolkitWrites) {
  const auto config = Parse(
      "tls_server_config:\n  cert_file: server.crt\n  key_file: /keys/server.key\n"
      "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
      "  min_version: TLS13\n"
      "basic_auth_users:\n  ann: " +
      std::string(kHash) + "\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls->cert_file, "/etc/server.crt");
  EXPECT_EQ(config->tls->key_file, "/keys/server.key");
  EXPECT_EQ(config->tls->client_certificate, http::ClientCertificate::kVerified);
  EXPECT_EQ(config->tls->client_ca_file, "/etc/ca.crt");
  EXPECT_EQ(config->tls->min_version, TLS1_3_VERSION);
  EXPECT_THAT(config->users, ElementsAre(Pair("ann", kHash)));
}

TEST(WebConfigTest, ReadsEveryOtherKeyOfExporterToolkit) {
  const auto config = Parse(
      "tls_server_config:\n  cert: C\n  key: K\n  client_auth_type: RequireAndVerifyClientCert\n"
      "  client_ca: A\n  client_allowed_sans: [a.example, 192.0.2.1]\n  max_version: TLS12\n"
      "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256, X25519]\n"
      "  prefer_server_cipher_suites: false\n"
      "http_server_config:\n  http2: true\n  headers: {X-Frame-Options: deny, X-Content-Type-Options: "
      "nosniff}\n"
      "rate_limit: {interval: 1m30s, burst: 5}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls->cert + config->tls->key + config->tls->client_ca, "CKA");
  EXPECT_THAT(*config->tls->client_allowed_sans, ElementsAre("a.example", "192.0.2.1"));
  EXPECT_EQ(config->tls->max_version, TLS1_2_VERSION);
  EXPECT_THAT(config->tls->cipher_suites, ElementsAre("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
  EXPECT_EQ(config->tls->curves, "P-256:X25519");
  EXPECT_FALSE(config->tls->prefer_server_ciphers);
  EXPECT_THAT(config->headers, ElementsAre(Pair("X-Frame-Options", "deny")));
  EXPECT_EQ(config->rate_limit->interval_seconds, 90);
  EXPECT_EQ(config->rate_limit->burst, 5);
}

TEST(WebConfigTest, NothingIsPlainHttpForEverybody) {
  for (const char* text : {"", "{}", "tls_server_config:\nbasic_auth_users:\n",
                           "tls_server_config: {}\nhttp_server_config:\nrate_limit: {burst: 3}\n"}) {
    const auto config = Parse(text);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_FALSE(config->tls);
    EXPECT_FALSE(config->rate_limit);
    EXPECT_TRUE(config->users.empty());
  }
  EXPECT_FALSE(LoadWebConfig("")->tls);
  EXPECT_EQ(LoadWebConfig("/nowhere/web.yml").status().code(), absl::StatusCode::kNotFound);
}

TEST(WebConfigTest, EveryClientAuthTypeIsKnown) {
  const std::pair<const char*, http::ClientCertificate> types[] = {
      {"NoClientCert", http::ClientCertificate::kNone},
      {"RequestClientCert", http::ClientCertificate::kRequested},
      {"RequireAnyClientCert", http::ClientCertificate::kRequired},
      {"RequestClientCert, client_ca_file: /c", http::ClientCertificate::kRequested},
      {"VerifyClientCertIfGiven, client_ca_file: /c", http::ClientCertificate::kVerifiedIfGiven},
      {"RequireAndVerifyClientCert", http::ClientCertificate::kVerified},  // by the host's own CAs
      {"RequireAndVerifyClientCert, client_ca_file: /c", http::ClientCertificate::kVerified}};
  for (const auto& [text, type] : types) {
    const auto config =
        Parse("tls_server_config: {cert_file: c, key_file: k, client_auth_type: " + std::string(text) + "}");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->tls->client_certificate, type) << text;
  }
}

TEST(WebConfigTest, MistakesAreNamed) {
  const std::string tls = "tls_server_config: {cert_file: c, key_file: k";
  const std::pair<std::string, std::string> cases[] = {
      {"x", "/etc/web.yml:1: the file must be a map with tls_server_config: or basic_auth_users:"},
      {"a: [",
       "/etc/web.yml:1: not valid YAML: end of sequence flow not found; check indentation and quotes"},
      {"\nhttp_server_confi: {}",
       "/etc/web.yml:2: unknown key \"http_server_confi\"; did you mean http_server_config?"},
      {"http_server_config: {headers: [a]}", "/etc/web.yml:1: headers must be a map"},
      {"http_server_config: {http2: maybe}", "/etc/web.yml:1: http2 must be true or false"},
      {"rate_limit: {interval: soon}", "/etc/web.yml:1: interval must be a duration such as 1s"},
      {"rate_limit: {burst: -1}", "/etc/web.yml:1: burst must be a whole number"},
      {"tls_server_config: x",
       "/etc/web.yml:1: tls_server_config must be a map; put cert_file: and key_file: below it"},
      {"tls_server_config: {cert_file: c}",
       "/etc/web.yml:1: tls_server_config needs both cert_file: and key_file:"},
      {tls + ", curve_preferences: [x]}",
       "/etc/web.yml:1: curve_preferences must be of CurveP256, CurveP384, CurveP521, X25519"},
      {tls + ", client_auth_type: RequestClientCert, client_allowed_sans: [x]}",
       "/etc/web.yml:1: client_allowed_sans needs client_auth_type RequireAndVerifyClientCert or "
       "RequireAnyClientCert"},
      {tls + ", client_auth_type: Maybe}",
       "/etc/web.yml:1: client_auth_type must be one of NoClientCert, RequestClientCert, "
       "RequireAnyClientCert, "
       "RequireClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"},
      {tls + ", min_version: SSL30}",
       "/etc/web.yml:1: min_version must be one of TLS10, TLS11, TLS12, TLS13"},
      {tls + ", client_ca_file: c}",
       "/etc/web.yml:1: a client CA works only with client_auth_type RequireAndVerifyClientCert or "
       "VerifyClientCertIfGiven; set one of them"},
      {"basic_auth_users: [a]", "/etc/web.yml:1: basic_auth_users must be a map of names and bcrypt hashes"},
      {"basic_auth_users: {ann: secret}",
       "/etc/web.yml:1: the password of user \"ann\" is not a bcrypt hash; make one: htpasswd -nBC 10 \"\""},
      {"basic_auth_users: {\"a:b\": " + std::string(kHash) + "}",
       "/etc/web.yml:1: user \"a:b\" has a colon in its name, which HTTP does not allow"},
      {"basic_auth_users:\n  a: " + std::string(kHash) + "\n  a: " + kHash,
       "/etc/web.yml:3: user \"a\" is listed twice; remove one"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Parse(text).status().message(), message) << text;
}

}  // namespace
}  // namespace agent_exporter::exporter

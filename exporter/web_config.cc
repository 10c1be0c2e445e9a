#include "exporter/web_config.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <spdlog/spdlog.h>
#include <yaml-cpp/yaml.h>

#include <utility>

#include "absl/time/time.h"
#include "agents/rules_yaml.h"
#include "base/error_list.h"
#include "base/label_value.h"
#include "base/user_file.h"
#include "base/yaml.h"
#include "exporter/config.h"
#include "http/basic_auth.h"

namespace agent_exporter::exporter {
namespace {

// Like exporter-toolkit, resolves paths relative to the file's folder.
std::string Resolve(const std::string& path, const std::string& file) {
  const size_t slash = file.rfind('/');
  if (path.starts_with('/') || slash == std::string::npos) return path;
  return file.substr(0, slash + 1) + path;
}

absl::Status ReadPath(const YAML::Node& node, const std::string& file, const char* key, std::string* path) {
  if (!node[key].IsDefined()) return absl::OkStatus();
  auto text = base::YamlText(node[key], file, key);
  if (!text.ok()) return text.status();
  *path = Resolve(*text, file);
  return absl::OkStatus();
}

template <typename Value>
absl::Status ReadChoice(const YAML::Node& node, const std::string& file, const char* key,
                        const std::vector<std::pair<std::string_view, Value>>& choices, Value* value) {
  const YAML::Node chosen = node[key];
  if (!chosen.IsDefined()) return absl::OkStatus();
  std::string known;
  for (const auto& [name, meaning] : choices) {
    if (chosen.IsScalar() && chosen.Scalar() == name) {
      *value = meaning;
      return absl::OkStatus();
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
  }
  return base::YamlError(chosen, file, fmt::format("{} must be one of {}", key, known));
}

bool IsGiven(const YAML::Node& node, const char* key) { return node[key].IsDefined() && !node[key].IsNull(); }

// As ReadYamlTexts, but the list may be empty.
absl::Status ReadList(const YAML::Node& node, const std::string& file, const char* key,
                      std::vector<std::string>* list) {
  if (!IsGiven(node, key) || (node[key].IsSequence() && node[key].size() == 0)) return absl::OkStatus();
  return base::ReadYamlTexts(node[key], file, key, list);
}

absl::Status CheckClientCertificates(const YAML::Node& node, const std::string& file,
                                     const http::TlsOptions& tls) {
  // A CA that is never used is a mistake.
  if (tls.client_certificate == http::ClientCertificate::kNone &&
      (IsGiven(node, "client_ca_file") || IsGiven(node, "client_ca"))) {
    return base::YamlError(node, file,
                           "a client CA works only with client_auth_type RequireAndVerifyClientCert or "
                           "VerifyClientCertIfGiven; set one of them");
  }
  if (tls.client_allowed_sans && tls.client_certificate != http::ClientCertificate::kRequired &&
      tls.client_certificate != http::ClientCertificate::kVerified) {
    return base::YamlError(node["client_allowed_sans"], file,
                           "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert or "
                           "RequireAnyClientCert");
  }
  return absl::OkStatus();
}

absl::Status ReadVersion(const YAML::Node& node, const std::string& file, const char* key, int* version) {
  return ReadChoice<int>(node, file, key,
                         {{"TLS10", TLS1_VERSION},
                          {"TLS11", TLS1_1_VERSION},
                          {"TLS12", TLS1_2_VERSION},
                          {"TLS13", TLS1_3_VERSION}},
                         version);
}

absl::Status ReadCurves(const YAML::Node& node, const std::string& file, std::string* curves) {
  std::vector<std::string> names;
  if (absl::Status status = ReadList(node, file, "curve_preferences", &names); !status.ok()) return status;
  for (const std::string& name : names) {
    const char* known = name == "CurveP256"   ? "P-256"
                        : name == "CurveP384" ? "P-384"
                        : name == "CurveP521" ? "P-521"
                        : name == "X25519"    ? "X25519"
                                              : nullptr;
    if (known == nullptr) {
      return base::YamlError(node["curve_preferences"], file,
                             "curve_preferences must be of CurveP256, CurveP384, CurveP521, X25519");
    }
    *curves += fmt::format("{}{}", curves->empty() ? "" : ":", known);
  }
  return absl::OkStatus();
}

absl::Status ReadBool(const YAML::Node& node, const std::string& file, const char* key, bool* value) {
  if (!IsGiven(node, key) || YAML::convert<bool>::decode(node[key], *value)) return absl::OkStatus();
  return base::YamlError(node[key], file, fmt::format("{} must be true or false", key));
}

absl::StatusOr<http::TlsOptions> ReadTls(const YAML::Node& node, const std::string& file) {
  base::ErrorList errors;
  errors.Add(
      base::CheckYamlKeys(node, file,
                          {"cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version",
                           "cert", "key", "client_ca", "client_allowed_sans", "max_version", "cipher_suites",
                           "curve_preferences", "prefer_server_cipher_suites"}));
  http::TlsOptions tls;
  for (const auto& [key, path] : {std::pair<const char*, std::string*>{"cert_file", &tls.cert_file},
                                  {"key_file", &tls.key_file},
                                  {"client_ca_file", &tls.client_ca_file}}) {
    errors.Add(ReadPath(node, file, key, path));
  }
  for (const auto& [key, pem] : {std::pair<const char*, std::string*>{"cert", &tls.cert},
                                 {"key", &tls.key},
                                 {"client_ca", &tls.client_ca}}) {
    errors.Add(base::ReadYamlText(node[key], file, key, pem));
  }
  if (((tls.cert_file.empty() && tls.cert.empty()) || (tls.key_file.empty() && tls.key.empty())) &&
      errors.empty()) {
    errors.Add(base::YamlError(node, file, "tls_server_config needs both cert_file: and key_file:"));
  }
  errors.Add(ReadChoice<http::ClientCertificate>(
      node, file, "client_auth_type",
      {{"NoClientCert", http::ClientCertificate::kNone},
       {"RequestClientCert", http::ClientCertificate::kRequested},
       {"RequireAnyClientCert", http::ClientCertificate::kRequired},
       {"RequireClientCert", http::ClientCertificate::kRequired},
       {"VerifyClientCertIfGiven", http::ClientCertificate::kVerifiedIfGiven},
       {"RequireAndVerifyClientCert", http::ClientCertificate::kVerified}},
      &tls.client_certificate));
  if (IsGiven(node, "client_allowed_sans")) {
    tls.client_allowed_sans.emplace();
    errors.Add(ReadList(node, file, "client_allowed_sans", &*tls.client_allowed_sans));
  }
  if (errors.empty()) errors.Add(CheckClientCertificates(node, file, tls));
  errors.Add(ReadVersion(node, file, "min_version", &tls.min_version));
  errors.Add(ReadVersion(node, file, "max_version", &tls.max_version));
  errors.Add(ReadList(node, file, "cipher_suites", &tls.cipher_suites));
  errors.Add(ReadCurves(node, file, &tls.curves));
  errors.Add(ReadBool(node, file, "prefer_server_cipher_suites", &tls.prefer_server_ciphers));
  if (!errors.empty()) return errors.status();
  return tls;
}

absl::Status ReadHttp(const YAML::Node& node, const std::string& file, WebConfig* config) {
  if (!node.IsMap()) return base::YamlError(node, file, "http_server_config must be a map");
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file, {"http2", "headers"}));
  bool http2 = false;  // without it, clients use HTTP/1.1 as they do here anyway
  errors.Add(ReadBool(node, file, "http2", &http2));
  if (IsGiven(node, "headers")) {
    const YAML::Node headers = node["headers"];
    if (!headers.IsMap()) return base::YamlError(headers, file, "headers must be a map");
    errors.Add(base::CheckYamlKeys(headers, file,
                                   {"Content-Security-Policy", "Strict-Transport-Security",
                                    "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection"}));
    for (const auto& entry : headers) {
      const std::string name = entry.first.Scalar();
      if (entry.second.IsScalar() && !entry.second.Scalar().empty() && name != "X-Content-Type-Options")
        config->headers[name] = entry.second.Scalar();  // that one is always sent
    }
  }
  return errors.empty() ? absl::OkStatus() : errors.status();
}

absl::Status ReadRateLimit(const YAML::Node& node, const std::string& file, WebConfig* config) {
  if (!node.IsMap()) return base::YamlError(node, file, "rate_limit must be a map of interval and burst");
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file, {"interval", "burst"}));
  WebRateLimit limit;
  absl::Duration interval;
  if (IsGiven(node, "interval") &&
      (!node["interval"].IsScalar() || !absl::ParseDuration(node["interval"].Scalar(), &interval) ||
       interval < absl::ZeroDuration())) {
    errors.Add(base::YamlError(node["interval"], file, "interval must be a duration such as 1s"));
  }
  uint32_t burst = 0;
  if (IsGiven(node, "burst") && !YAML::convert<uint32_t>::decode(node["burst"], burst))
    errors.Add(base::YamlError(node["burst"], file, "burst must be a whole number"));
  if (!errors.empty()) return errors.status();
  if (interval > absl::ZeroDuration())
    config->rate_limit = {absl::ToDoubleSeconds(interval), static_cast<double>(burst)};
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> ReadUsers(const YAML::Node& node,
                                                             const std::string& file) {
  std::map<std::string, std::string> users;
  if (!node.IsMap())
    return base::YamlError(node, file, "basic_auth_users must be a map of names and bcrypt hashes");
  base::ErrorList errors;
  for (const auto& entry : node) {
    const auto name = errors.Take(base::YamlText(entry.first, file, "a user's name"));
    if (!name) continue;
    if (name->find(':') != std::string::npos) {
      errors.Add(base::YamlError(
          entry.first, file,
          fmt::format("user {} has a colon in its name, which HTTP does not allow", base::Quoted(*name))));
    }
    if (!entry.second.IsScalar() || !http::IsBcryptHash(entry.second.Scalar())) {
      errors.Add(base::YamlError(
          entry.second, file,
          fmt::format("the password of user {} is not a bcrypt hash; make one: htpasswd -nBC 10 \"\"",
                      base::Quoted(*name))));
    } else if (!users.emplace(*name, entry.second.Scalar()).second) {
      errors.Add(base::YamlError(entry.first, file,
                                 fmt::format("user {} is listed twice; remove one", base::Quoted(*name))));
    }
  }
  if (!errors.empty()) return errors.status();
  return users;
}

absl::StatusOr<WebConfig> FromYaml(const YAML::Node& root, const std::string& file) {
  WebConfig config;
  if (!root.IsDefined() || root.IsNull()) return config;
  if (!root.IsMap()) {
    return base::YamlError(root, file, "the file must be a map with tls_server_config: or basic_auth_users:");
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(
      root, file, {"tls_server_config", "basic_auth_users", "http_server_config", "rate_limit"}));
  if (IsGiven(root, "tls_server_config")) {
    const YAML::Node tls = root["tls_server_config"];
    if (!tls.IsMap()) {
      errors.Add(base::YamlError(tls, file,
                                 "tls_server_config must be a map; put cert_file: and key_file: below it"));
    } else if (tls.size() > 0) {
      config.tls = errors.Take(ReadTls(tls, file));
    }
  }
  if (IsGiven(root, "http_server_config")) errors.Add(ReadHttp(root["http_server_config"], file, &config));
  if (IsGiven(root, "rate_limit")) errors.Add(ReadRateLimit(root["rate_limit"], file, &config));
  if (const YAML::Node node = root["basic_auth_users"]; node.IsDefined() && !node.IsNull()) {
    if (auto users = errors.Take(ReadUsers(node, file))) config.users = *std::move(users);
  }
  if (!errors.empty()) return errors.status();
  return config;
}

}  // namespace

absl::StatusOr<WebConfig> ParseWebConfig(std::string_view text, const std::string& file) {
  try {
    return FromYaml(YAML::Load(std::string(text)), file);
  } catch (const YAML::Exception& error) {
    return base::YamlSyntaxError(file, error);
  }
}

absl::StatusOr<WebConfig> LoadWebConfig(const std::string& path) {
  if (path.empty()) return WebConfig();
  auto text = base::ReadUserFile("the configuration file", path);
  if (!text.ok()) return text.status();
  return ParseWebConfig(*text, path);
}

absl::StatusOr<std::shared_ptr<http::TlsContext>> MakeTls(const WebConfig& config) {
  if (!config.tls) return std::shared_ptr<http::TlsContext>();
  return http::TlsContext::Make(*config.tls, [](const std::string& line) { spdlog::error("{}", line); });
}

}  // namespace agent_exporter::exporter

#include "exporter/web_config.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <yaml-cpp/yaml.h>

#include <utility>

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

absl::Status CheckClientCa(const YAML::Node& node, const std::string& file, const http::TlsOptions& tls) {
  const bool verified = tls.client_certificate == http::ClientCertificate::kVerified ||
                        tls.client_certificate == http::ClientCertificate::kVerifiedIfGiven;
  if (verified && tls.client_ca_file.empty()) {
    return base::YamlError(node["client_auth_type"], file,
                           "client_auth_type needs client_ca_file: to verify client certificates");
  }
  // A CA that is never used is a mistake.
  if (!verified && !tls.client_ca_file.empty()) {
    return base::YamlError(node["client_ca_file"], file,
                           "client_ca_file works only with client_auth_type RequireAndVerifyClientCert or "
                           "VerifyClientCertIfGiven; set one of them");
  }
  return absl::OkStatus();
}

absl::StatusOr<http::TlsOptions> ReadTls(const YAML::Node& node, const std::string& file) {
  if (!node.IsMap()) {
    return base::YamlError(node, file,
                           "tls_server_config must be a map; put cert_file: and key_file: below it");
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(
      node, file, {"cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version"}));
  http::TlsOptions tls;
  for (const auto& [key, path] : {std::pair<const char*, std::string*>{"cert_file", &tls.cert_file},
                                  {"key_file", &tls.key_file},
                                  {"client_ca_file", &tls.client_ca_file}}) {
    errors.Add(ReadPath(node, file, key, path));
  }
  if ((tls.cert_file.empty() || tls.key_file.empty()) && errors.empty()) {
    errors.Add(base::YamlError(node, file, "tls_server_config needs both cert_file: and key_file:"));
  }
  const absl::Status client = ReadChoice<http::ClientCertificate>(
      node, file, "client_auth_type",
      {{"NoClientCert", http::ClientCertificate::kNone},
       {"RequestClientCert", http::ClientCertificate::kRequested},
       {"RequireAnyClientCert", http::ClientCertificate::kRequired},
       {"RequireClientCert", http::ClientCertificate::kRequired},
       {"VerifyClientCertIfGiven", http::ClientCertificate::kVerifiedIfGiven},
       {"RequireAndVerifyClientCert", http::ClientCertificate::kVerified}},
      &tls.client_certificate);
  errors.Add(client.ok() ? CheckClientCa(node, file, tls) : client);
  errors.Add(ReadChoice<int>(node, file, "min_version",
                             {{"TLS10", TLS1_VERSION},
                              {"TLS11", TLS1_1_VERSION},
                              {"TLS12", TLS1_2_VERSION},
                              {"TLS13", TLS1_3_VERSION}},
                             &tls.min_version));
  if (!errors.empty()) return errors.status();
  return tls;
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
  errors.Add(base::CheckYamlKeys(root, file, {"tls_server_config", "basic_auth_users"}));
  if (const YAML::Node tls = root["tls_server_config"]; tls.IsDefined() && !tls.IsNull()) {
    config.tls = errors.Take(ReadTls(tls, file));
  }
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

}  // namespace agent_exporter::exporter

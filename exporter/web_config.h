// The file of --web.config.file, in the format of Prometheus exporters (exporter-toolkit): TLS and passwords.
//
//   tls_server_config:
//     cert_file: server.crt           # PEM; with the chain, if there is one
//     key_file: server.key
//     client_auth_type: RequireAndVerifyClientCert   # default NoClientCert
//     client_ca_file: ca.crt
//     min_version: TLS12              # TLS10, TLS11, TLS12 (default) or TLS13
//   basic_auth_users:
//     prometheus: $2y$10$...          # bcrypt
//
// Paths are relative to the file's own folder. exporter-toolkit's other keys are errors: ignoring a security
// setting would be worse.
//
// Thread safety: free functions; WebConfig is a value.
// Errors: InvalidArgument "file:line: what is wrong; what to do". If the file cannot be read, the same error
// as LoadConfig.

#ifndef AGENT_EXPORTER_EXPORTER_WEB_CONFIG_H_
#define AGENT_EXPORTER_EXPORTER_WEB_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "http/tls.h"

namespace agent_exporter::exporter {

struct WebConfig {
  std::optional<http::TlsOptions> tls;       // empty: plain HTTP
  std::map<std::string, std::string> users;  // name: bcrypt hash; empty: no password needed
};

// `file` appears in messages, and relative paths start at its folder.
absl::StatusOr<WebConfig> ParseWebConfig(std::string_view text, const std::string& file);

// Reads and parses `path`; an empty path gives plain HTTP for everybody.
absl::StatusOr<WebConfig> LoadWebConfig(const std::string& path);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_WEB_CONFIG_H_

// The file of --web.config.file, in the format of Prometheus exporters (exporter-toolkit): TLS and passwords.
//
// docs/web-config.md lists the keys. Paths are relative to the file's own folder. Keys that exporter-toolkit
// does not have are errors, as they are there: ignoring a misspelt security setting would be worse.
//
// Thread safety: free functions; WebConfig is a value.
// Errors: InvalidArgument "file:line: what is wrong; what to do". If the file cannot be read, the same error
// as LoadConfig.

#ifndef AGENT_EXPORTER_EXPORTER_WEB_CONFIG_H_
#define AGENT_EXPORTER_EXPORTER_WEB_CONFIG_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "http/tls.h"

namespace agent_exporter::exporter {

struct WebRateLimit {
  double interval_seconds = 0;  // one request in this time on average
  double burst = 0;             // and so many at once
};

struct WebConfig {
  std::optional<http::TlsOptions> tls;         // empty: plain HTTP
  std::map<std::string, std::string> users;    // name: bcrypt hash; empty: no password needed
  std::map<std::string, std::string> headers;  // sent with every answer
  std::optional<WebRateLimit> rate_limit;      // empty: none
};

// `file` appears in messages, and relative paths start at its folder.
absl::StatusOr<WebConfig> ParseWebConfig(std::string_view text, const std::string& file);

// Reads and parses `path`; an empty path gives plain HTTP for everybody.
absl::StatusOr<WebConfig> LoadWebConfig(const std::string& path);

// Null without TLS. Later mistakes, in files that have changed, go to the log.
absl::StatusOr<std::shared_ptr<http::TlsContext>> MakeTls(const WebConfig& config);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_WEB_CONFIG_H_

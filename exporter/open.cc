// `agent_exporter open`: prints the link to the page of the exporter on this host, with the token. The token
// is in the fragment, which a browser does not send.

#include <fmt/format.h>

#include <string>

#include "exporter/commands.h"
#include "exporter/token_file.h"
#include "exporter/web_config.h"

namespace agent_exporter::exporter {
absl::StatusOr<std::string> PageLink(const Options& options, std::string_view token) {
  if (options.telemetry_path == "/") {
    return absl::FailedPreconditionError(
        "there is no page because the metrics are at /; set another --web.telemetry-path");
  }
  const std::string& address = options.listen.front();
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon == std::string::npos ? 0 : colon);
  const std::string port = address.substr(colon == std::string::npos ? 0 : colon + 1);
  if (port == "0") {
    return absl::FailedPreconditionError(
        "port 0 is a different port at every start; find it in the log of serve and set it with "
        "--web.listen-address");
  }
  if (host.empty() || host == "0.0.0.0" || host == "[::]") host = "localhost";
  const auto web_config = LoadWebConfig(options.web_config_file);
  if (!web_config.ok()) return web_config.status();
  return fmt::format("{}://{}:{}/#token={}", web_config->tls ? "https" : "http", host, port, token);
}

int RunOpen(const Options& options, std::ostream& out, std::ostream& err) {
  const auto token = LoadToken(options);
  if (!token.ok()) return Fail(token.status(), err);
  const auto link = PageLink(options, token->text());
  if (!link.ok()) return Fail(link.status(), err);
  out << *link << std::endl;
  return 0;
}

}  // namespace agent_exporter::exporter

// `agent_exporter open`: prints the link to the page of the exporter on this host, with the token. The token
// is in the fragment, which a browser does not send.

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "exporter/commands.h"
#include "exporter/running_service.h"
#include "exporter/token_file.h"
#include "exporter/web_config.h"
#include "hooks/stream.h"

namespace agent_exporter::exporter {
namespace {

// A host that this machine reaches, for an address that a server listens on.
std::string OwnHost(const std::string& listening) {
  const bool all = listening.empty() || listening == "0.0.0.0" || listening == "[::]";
  return all ? "localhost" : listening;
}

// The parts of "https://localhost:10058".
struct Address {
  std::string scheme, host, port;
};
Address Parts(const std::string& url) {
  const size_t host = url.find("://") + 3, port = url.rfind(':');
  return {url.substr(0, host - 3), OwnHost(url.substr(host, port - host)),
          url.substr(port + 1, url.find('/', port) - port - 1)};
}

// A person follows the link at once, so it must lead somewhere.
absl::Status CheckAnswers(const Address& address) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  std::string host = address.host;  // [::1] without its brackets
  std::erase_if(host, [](char c) { return c == '[' || c == ']'; });
  if (hooks::Connect(host, address.port, {deadline}).ok()) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("nothing listens at {}:{}", address.host, address.port));
}

bool InContainer() { return ::access("/.dockerenv", F_OK) == 0 || ::access("/run/.containerenv", F_OK) == 0; }

}  // namespace

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
  const auto web_config = LoadWebConfig(options.web_config_file);
  if (!web_config.ok()) return web_config.status();
  return fmt::format("{}://{}:{}/#token={}", web_config->tls ? "https" : "http", OwnHost(host), port, token);
}

int RunOpen(const Options& options, std::ostream& out, std::ostream& err) {
  const auto service = FindService(options);
  if (absl::IsFailedPrecondition(service.status())) return Fail(service.status(), err);
  const Options used = service.ok() ? service->Applied(options) : options;
  const auto token = LoadToken(used);
  if (!token.ok()) return Fail(token.status(), err);
  auto link = PageLink(used, token->text());
  if (!link.ok()) return Fail(link.status(), err);
  Address address = Parts(*link);
  if (service.ok() && !service->urls.empty()) {
    address = Parts(service->urls.front());
    link = fmt::format("{}://{}:{}/#token={}", address.scheme, address.host, address.port, token->text());
  }
  if (const absl::Status answers = CheckAnswers(address); !answers.ok()) {
    return Fail(absl::UnavailableError(fmt::format(
                    "{}, and {}; start agent_exporter serve, or set --web.listen-address to the address of "
                    "the one that runs",
                    std::string(answers.message()), std::string(service.status().message()))),
                err);
  }
  out << *link << std::endl;
  if (InContainer()) {
    err << "agent_exporter: this is a container; from outside, use the host's port that is mapped to "
        << address.port << std::endl;
  }
  return 0;
}

}  // namespace agent_exporter::exporter

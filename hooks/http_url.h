// The parts of an http or https URL (RFC 3986) that a client needs.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_HOOKS_HTTP_URL_H_
#define AGENT_EXPORTER_HOOKS_HTTP_URL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace agent_exporter::hooks {

struct HttpUrl {
  bool tls = false;
  std::string user;       // "name:password", decoded; empty: none
  std::string host;       // without the brackets of an IPv6 address
  std::string port;       // 80 or 443 if the URL has none
  std::string authority;  // host and port as written: what the Host header wants
  std::string target;     // path and query, "/" at least; no fragment
};

// InvalidArgument for another scheme and for a URL without a host.
absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view url);

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_HTTP_URL_H_

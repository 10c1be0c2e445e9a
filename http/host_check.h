// Refuses requests whose Host header is no name of this host (DNS rebinding: a web site points its own name
// at this host, and its scripts, running in a visitor's browser, may then read what we answer).
//
// These are names of this host: IP addresses, localhost and names below it, the host's name, in full and up
// to the first dot, and the names given. A request without Host passes: no browser sends one. The port may be
// any, since it may be mapped.
//
// Thread safety: immutable.

#ifndef AGENT_EXPORTER_HTTP_HOST_CHECK_H_
#define AGENT_EXPORTER_HTTP_HOST_CHECK_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "http/http_server.h"

namespace agent_exporter::http {

class HostCheck {
 public:
  // `names` may be empty strings, IP addresses and names, without ports. `open_paths` answer to every name.
  HostCheck(const std::vector<std::string>& names, std::set<std::string> open_paths);

  bool IsOwn(std::string_view host_header) const;
  // An HttpGuard: 421 for another host's name.
  std::optional<HttpResponse> Refuse(const HttpRequest& request) const;

 private:
  std::set<std::string> names_;  // in lower case
  std::set<std::string> open_paths_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_HOST_CHECK_H_

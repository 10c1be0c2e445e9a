#include "http/host_check.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/ascii.h"

namespace agent_exporter::http {
namespace {

bool IsAddress(int family, const std::string& text) {
  in6_addr address;  // room for both
  return inet_pton(family, text.c_str(), &address) == 1;
}

// "Web1.Example.:80" is web1.example.
std::string NameOf(std::string_view host) {
  host = host.substr(0, host.rfind(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name(host);
  absl::AsciiStrToLower(&name);
  return name;
}

}  // namespace

HostCheck::HostCheck(const std::vector<std::string>& names, std::set<std::string> open_paths)
    : names_{"localhost"}, open_paths_(std::move(open_paths)) {
  for (const std::string& name : names) names_.insert(NameOf(name));
  names_.erase("");
}

bool HostCheck::IsOwn(std::string_view host_header) const {
  if (host_header.empty()) return true;
  if (host_header.starts_with('[')) {
    const size_t end = host_header.find(']');
    return end != std::string_view::npos && IsAddress(AF_INET6, std::string(host_header.substr(1, end - 1)));
  }
  const std::string name = NameOf(host_header);
  return names_.contains(name) || name.ends_with(".localhost") || IsAddress(AF_INET, name);
}

std::optional<HttpResponse> HostCheck::Refuse(const HttpRequest& request) const {
  if (open_paths_.contains(request.path) || IsOwn(request.header("Host"))) return std::nullopt;
  return HttpResponse{.status = 421,
                      .body =
                          "this is not a name of this host; use its address or localhost, or allow the "
                          "name with --web.allowed-host\n"};
}

}  // namespace agent_exporter::http

#include "http/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace agent_exporter::http {
namespace {

constexpr int kBacklog = 4096;

absl::Status Malformed(std::string_view text, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("cannot listen on \"", std::string(text), "\": ", why));
}

bool HostHasIpv6() {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

bool IsPort(std::string_view text, std::uint16_t* port) {
  const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), *port);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

ListenAddress Wildcard(std::string_view text, std::uint16_t port, bool ipv6) {
  ListenAddress result;
  result.text = std::string(text);
  result.dual_stack = ipv6;
  if (ipv6) {
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    result.length = sizeof(address);
    std::memcpy(&result.address, &address, sizeof(address));
  } else {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    result.length = sizeof(address);
    std::memcpy(&result.address, &address, sizeof(address));
  }
  return result;
}

// Returns 0 or an errno, and leaves the socket open in *fd.
int Listen(const ListenAddress& address, int* fd) {
  const int family = address.address.ss_family;
  *fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (*fd < 0) return errno;
  // Without it a restart would fail for a minute after the last connection.
  const int on = 1;
  if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) return errno;
  const int v6_only = address.dual_stack ? 0 : 1;
  if (family == AF_INET6 && setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) != 0) {
    return errno;
  }
  if (bind(*fd, reinterpret_cast<const sockaddr*>(&address.address), address.length) != 0) return errno;
  return listen(*fd, kBacklog) == 0 ? 0 : errno;
}

std::string Reason(int error) {
  std::string reason = std::generic_category().message(error);
  reason[0] = absl::ascii_tolower(static_cast<unsigned char>(reason[0]));
  if (error == EACCES) reason.append(" (ports below 1024 need CAP_NET_BIND_SERVICE)");
  return reason;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, bool use_ipv6) {
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string_view::npos || !IsPort(text.substr(colon + 1), &port)) {
    return Malformed(text, "it must be HOST:PORT or :PORT, with a port from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 1 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.find_first_of("[]") != std::string_view::npos ||
      (!bracketed && host.find(':') != std::string_view::npos) || (bracketed && host.empty())) {
    return Malformed(text, "an IPv6 address is written [ADDRESS]:PORT");
  }
  if (host.empty() || (bracketed && host == "::")) {
    const bool ipv6 = use_ipv6 && HostHasIpv6();
    if (bracketed && !ipv6) return Malformed(text, "no IPv6 on this host or in this build of civetweb");
    return Wildcard(text, port, ipv6);
  }

  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (bracketed ? AI_NUMERICHOST : 0);
  hints.ai_family = bracketed ? AF_INET6 : AF_UNSPEC;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(std::string(host).c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (error != 0) return Malformed(text, gai_strerror(error));
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  const addrinfo* chosen = nullptr;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const bool usable = one->ai_family == AF_INET || (one->ai_family == AF_INET6 && use_ipv6);
    if (usable && (chosen == nullptr || (chosen->ai_family != AF_INET && one->ai_family == AF_INET)))
      chosen = one;
  }
  if (chosen == nullptr) return Malformed(text, "this build of civetweb does not support IPv6");
  ListenAddress result;
  result.text = std::string(text);
  result.length = chosen->ai_addrlen;
  std::memcpy(&result.address, chosen->ai_addr, chosen->ai_addrlen);
  return result;
}

absl::StatusOr<std::vector<base::Descriptor>> ListenOn(const std::vector<ListenAddress>& addresses) {
  std::vector<base::Descriptor> sockets;
  for (const ListenAddress& address : addresses) {
    int fd = -1;
    const int error = Listen(address, &fd);
    sockets.emplace_back(fd);
    if (error != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot listen on ", address.text, ": ", Reason(error)));
    }
  }
  return sockets;
}

}  // namespace agent_exporter::http

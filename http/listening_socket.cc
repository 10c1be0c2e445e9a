#include "http/listening_socket.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

namespace agent_exporter::http {
namespace {

constexpr rlim_t kMostDescriptors = 65536;

bool IsListening(int fd) {
  int listening = 0;
  socklen_t length = sizeof(listening);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

}  // namespace

absl::StatusOr<int> LocalPort(int fd) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      (address.ss_family != AF_INET && address.ss_family != AF_INET6)) {
    return absl::InvalidArgumentError("the socket handed over is no TCP socket");
  }
  // The port is at the same offset in both families.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

std::vector<int> ListenersOn(int port) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min(limit.rlim_cur, kMostDescriptors));
  std::vector<int> found;
  for (int fd = 0; fd < end; ++fd) {
    if (!IsListening(fd)) continue;
    if (const auto local = LocalPort(fd); local.ok() && *local == port) found.push_back(fd);
  }
  return found;
}

}  // namespace agent_exporter::http

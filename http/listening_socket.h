// Finds the sockets that this process listens with.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_HTTP_LISTENING_SOCKET_H_
#define AGENT_EXPORTER_HTTP_LISTENING_SOCKET_H_

#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::http {

// The local port of a socket. InvalidArgument if it is none of IPv4 or IPv6.
absl::StatusOr<int> LocalPort(int fd);

// The descriptors of this process that listen on `port`.
std::vector<int> ListenersOn(int port);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_LISTENING_SOCKET_H_

// Puts a socket that listens already in the place of one of this process.
//
// Thread safety: free functions; replacing is atomic for threads that accept.

#ifndef AGENT_EXPORTER_HTTP_LISTENING_SOCKET_H_
#define AGENT_EXPORTER_HTTP_LISTENING_SOCKET_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::http {

// The local port of a socket. InvalidArgument if it is none of IPv4 or IPv6.
absl::StatusOr<int> LocalPort(int fd);

// Finds the descriptor of this process that listens on `port` and makes it `socket`.
absl::Status ReplaceListener(int port, int socket);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_LISTENING_SOCKET_H_

// Parses addresses to listen on, in the usual forms of Prometheus: ":10058", "127.0.0.1:10058",
// "[::1]:10058", "localhost:10058".
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_HTTP_LISTEN_ADDRESS_H_
#define AGENT_EXPORTER_HTTP_LISTEN_ADDRESS_H_

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace agent_exporter::http {

struct ListenAddress {
  std::string text;  // as the user wrote it
  sockaddr_storage address = {};
  socklen_t length = 0;
  bool dual_stack = false;  // [::] that also accepts IPv4
};

// Resolves a host name to its first IPv4 address, or to IPv6 if it has no other. ":PORT" and "[::]:PORT" mean
// all addresses: IPv4 and IPv6 if `use_ipv6` is set and the host has IPv6, otherwise only IPv4, and an
// explicit IPv6 address is an error. Errors: InvalidArgument, one line that names the address.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, bool use_ipv6);

// Sockets that listen on all addresses. FailedPrecondition names the first address that fails and the reason.
absl::StatusOr<std::vector<base::Descriptor>> ListenOn(const std::vector<ListenAddress>& addresses);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_LISTEN_ADDRESS_H_

// Addresses to listen on, in the forms Prometheus users know: ":10058", "127.0.0.1:10058", "[::1]:10058",
// "localhost:10058".
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_HTTP_LISTEN_ADDRESS_H_
#define AGENT_EXPORTER_HTTP_LISTEN_ADDRESS_H_

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::http {

struct ListenAddress {
  std::string text;  // as the user wrote it
  sockaddr_storage address = {};
  socklen_t length = 0;
  bool dual_stack = false;  // [::] that also takes IPv4
};

// Resolves a host name to its first IPv4 address, or IPv6 where it has only those. ":PORT" and "[::]:PORT"
// mean every address: IPv4 and IPv6 if use_ipv6 and the host has it, else IPv4 (an explicit IPv6 address is
// then refused). Errors: InvalidArgument, one line that names the address.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text, bool use_ipv6);

// The address in civetweb's listening_ports syntax.
std::string CivetwebPort(const ListenAddress& address);

// Takes all addresses at once for a moment. The error is FailedPrecondition, one line that names the first
// that cannot be had and why: civetweb itself tells this only in the prose of its log.
absl::Status TryListen(const std::vector<ListenAddress>& addresses);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_LISTEN_ADDRESS_H_

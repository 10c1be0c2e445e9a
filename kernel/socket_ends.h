// Whom sockets are connected to: addresses from /proc/<pid>/net (proc(5)), the peers of unix sockets from
// sock_diag(7).
//
// Thread safety: pure functions and values; ReadSocketEnds reads only.

#ifndef AGENT_EXPORTER_KERNEL_SOCKET_ENDS_H_
#define AGENT_EXPORTER_KERNEL_SOCKET_ENDS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// All by the socket's inode, the number in "socket:[123]".
struct SocketEnds {
  // TCP and UDP: "to 10.0.0.1:443", "listens on [::1]:80", "bound to 0.0.0.0:53".
  absl::flat_hash_map<uint64_t, std::string> addresses;
  absl::flat_hash_map<uint64_t, uint64_t> unix_peers;
  absl::flat_hash_map<uint64_t, std::string>
      unix_names;  // raw bytes; '@' stands for the NUL of an abstract one
};

// Adds what one of the files tcp, tcp6, udp and udp6 says. Lines of another form are left out.
void AddInetSockets(std::string_view text, SocketEnds* ends);

// Of the network namespace of `pid`; unix sockets only where that is this process' own. What cannot be read
// is left out.
SocketEnds ReadSocketEnds(const RootedReader& proc, pid_t pid);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_SOCKET_ENDS_H_

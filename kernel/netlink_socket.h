// What both netlink sockets of kernel/ share: room for what waits, and a count of what found none. Private to
// kernel/.
//
// Thread safety: free functions on the caller's descriptor.

#ifndef AGENT_EXPORTER_KERNEL_NETLINK_SOCKET_H_
#define AGENT_EXPORTER_KERNEL_NETLINK_SOCKET_H_

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <cstdint>
#include <utility>

namespace agent_exporter {

// Without CAP_NET_ADMIN the room is held to net.core.rmem_max. What finds none is counted, not told by
// ENOBUFS, after which the kernel would take nothing more until all was read.
inline void MakeRoom(int socket, int receive_buffer_bytes) {
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof(receive_buffer_bytes)) !=
      0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
  }
  const int on = 1;
  setsockopt(socket, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
}

// Messages that found no room since the last call with the same `last_count` (the kernel's counter, 32 bits
// wide).
inline uint64_t NewlyDropped(int socket, uint32_t& last_count) {
  uint32_t figures[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(figures);
  if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, figures, &size) != 0) return 0;
  return figures[SK_MEMINFO_DROPS] - std::exchange(last_count, figures[SK_MEMINFO_DROPS]);
}

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_KERNEL_NETLINK_SOCKET_H_

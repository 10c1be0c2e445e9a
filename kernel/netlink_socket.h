// Helpers of both netlink sockets in kernel/: buffer size, receiving in batches, counting lost messages.
// Private to kernel/.
//
// Ownership: the callers own the descriptors. Thread safety: none.

#ifndef AGENT_EXPORTER_KERNEL_NETLINK_SOCKET_H_
#define AGENT_EXPORTER_KERNEL_NETLINK_SOCKET_H_

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/errno_status.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// Without CAP_NET_ADMIN the buffer is limited to net.core.rmem_max. We count lost messages ourselves: after
// reporting ENOBUFS, the kernel would queue nothing until everything was read.
inline void MakeRoom(int socket, int receive_buffer_bytes) {
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof(receive_buffer_bytes)) !=
      0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
  }
  const int on = 1;
  setsockopt(socket, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
}

// Returns the messages lost since the last call. `last_count` keeps the kernel's counter, which is 32 bits
// wide, between calls.
inline uint64_t NewlyDropped(int socket, uint32_t& last_count) {
  uint32_t figures[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(figures);
  if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, figures, &size) != 0) return 0;
  return figures[SK_MEMINFO_DROPS] - std::exchange(last_count, figures[SK_MEMINFO_DROPS]);
}

// Receives many messages with one system call instead of hundreds. Messages longer than `kMessageBytes` are
// cut.
template <size_t kMessageBytes>
class NetlinkBatch {
 public:
  NetlinkBatch() {
    for (size_t i = 0; i < kMost; ++i) {
      parts_[i] = {bytes_[i].data(), bytes_[i].size()};
      headers_[i] = {};
      headers_[i].msg_hdr.msg_name = &from_[i];
      headers_[i].msg_hdr.msg_iov = &parts_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // Calls take(bytes) for each message from the kernel that is waiting. Returns the number of messages from
  // all senders, or -1 with errno set. Does not block.
  template <typename Take>
  int Receive(int socket, Take take) {
    for (mmsghdr& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
    const int got = recvmmsg(socket, headers_.data(), kMost, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < got; ++i) {
      const auto at = static_cast<size_t>(i);
      // Any process may send to a group; port 0 is the kernel.
      if (headers_[at].msg_hdr.msg_namelen != sizeof(sockaddr_nl) || from_[at].nl_pid != 0) continue;
      take(std::string_view(bytes_[at].data(), headers_[at].msg_len));
    }
    return got;
  }

  // Calls Receive until no message is left. Error messages start with "reading `what`".
  template <typename Take>
  absl::Status ReceiveAll(int socket, std::string_view what, Take take) {
    // The limit ends the loop even if messages arrive as fast as we read them.
    constexpr int kMostBatches = 4096;
    for (int batches = 0; batches < kMostBatches; ++batches) {
      const int got = Receive(socket, take);
      if (got >= 0 || errno == EINTR) continue;
      if (errno != EAGAIN) return base::ErrnoStatus(errno, "reading " + std::string(what));
      break;
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kMost = 64;

  std::array<std::array<char, kMessageBytes>, kMost> bytes_;
  std::array<iovec, kMost> parts_;
  std::array<sockaddr_nl, kMost> from_;
  std::array<mmsghdr, kMost> headers_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_NETLINK_SOCKET_H_

#include "kernel/proc_connector.h"

#include <arpa/inet.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/errno_status.h"
#include "kernel/netlink_socket.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {
namespace {

// A message is nlmsghdr, cn_msg, proc_event, without gaps.
constexpr size_t kEventAt = NLMSG_HDRLEN + sizeof(cn_msg);
constexpr size_t kDataAt = kEventAt + offsetof(proc_event, event_data);
constexpr size_t kMessageBytes = kEventAt + sizeof(proc_event);
constexpr size_t kRequestBytes = kEventAt + sizeof(proc_cn_mcast_op);

// The kernel answers during the call that subscribes; this limit is for a kernel that would not.
constexpr std::chrono::milliseconds kAnswerWithin{200};

struct Message {
  uint32_t ack = 0;
  proc_event event{};
};

// Passes only what Receive needs, so that other messages take no buffer space: exec, fork and exit of main
// threads, and NONE, the answer to a subscription. BPF loads words in network byte order
// (Documentation/networking/filter.rst).
absl::Status AttachFilter(int socket) {
  constexpr uint32_t kChildPid = kDataAt + 8, kChildTgid = kDataAt + 12;  // fork_proc_event
  constexpr uint32_t kPid = kDataAt, kTgid = kDataAt + 4;                 // exit_proc_event
  constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr uint16_t kJumpIfEqual = BPF_JMP | BPF_JEQ;
  std::array<sock_filter, 15> program = {{
      BPF_STMT(kLoad, kEventAt),
      BPF_JUMP(kJumpIfEqual | BPF_K, htonl(kProcEventExec), 11, 0),
      BPF_JUMP(kJumpIfEqual | BPF_K, htonl(kProcEventNone), 10, 0),
      BPF_JUMP(kJumpIfEqual | BPF_K, htonl(kProcEventFork), 1, 0),
      BPF_JUMP(kJumpIfEqual | BPF_K, htonl(kProcEventExit), 4, 9),
      BPF_STMT(kLoad, kChildPid),
      BPF_STMT(BPF_MISC | BPF_TAX, 0),
      BPF_STMT(kLoad, kChildTgid),
      BPF_JUMP(BPF_JMP | BPF_JA, 3, 0, 0),
      BPF_STMT(kLoad, kPid),
      BPF_STMT(BPF_MISC | BPF_TAX, 0),
      BPF_STMT(kLoad, kTgid),
      BPF_JUMP(kJumpIfEqual | BPF_X, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kMessageBytes),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, "filtering the proc connector's events");
}

// Calls take(message) if `bytes` hold a proc connector message.
template <typename Take>
void TakeMessage(std::string_view bytes, Take take) {
  if (bytes.size() < kMessageBytes) return;
  cn_msg head;
  std::memcpy(&head, bytes.data() + NLMSG_HDRLEN, sizeof(head));
  if (head.id.idx != CN_IDX_PROC || head.id.val != CN_VAL_PROC || head.len < sizeof(proc_event)) return;
  Message message;
  message.ack = head.ack;
  std::memcpy(&message.event, bytes.data() + kEventAt, sizeof(proc_event));
  take(message);
}

}  // namespace

class ProcConnector::Batch : public NetlinkBatch<128> {};

ProcConnector::ProcConnector(base::Descriptor socket)
    : socket_(std::move(socket)), batch_(std::make_unique<Batch>()) {}

ProcConnector::~ProcConnector() { (void)Send(PROC_CN_MCAST_IGNORE); }

absl::StatusOr<std::unique_ptr<ProcConnector>> ProcConnector::Open(int receive_buffer_bytes) {
  base::Descriptor socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR));
  if (!socket.ok()) {
    if (errno == EPROTONOSUPPORT) return absl::UnimplementedError("this kernel has no proc connector");
    return base::ErrnoStatus(errno, "opening the proc connector");
  }
  MakeRoom(socket.get(), receive_buffer_bytes);
  if (absl::Status status = AttachFilter(socket.get()); !status.ok()) return status;
  sockaddr_nl group{};
  group.nl_family = AF_NETLINK;
  group.nl_groups = CN_IDX_PROC;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&group), sizeof(group)) != 0) {
    return base::ErrnoStatus(errno, "binding to the proc connector");
  }
  std::unique_ptr<ProcConnector> connector(new ProcConnector(std::move(socket)));
  if (absl::Status status = connector->Subscribe(); !status.ok()) return status;
  return connector;
}

absl::Status ProcConnector::Subscribe() {
  // The answer goes to every listener of the host; the port number identifies ours.
  sockaddr_nl own{};
  socklen_t size = sizeof(own);
  if (getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    return base::ErrnoStatus(errno, "binding to the proc connector");
  }
  port_ = own.nl_pid;
  if (absl::Status status = Send(PROC_CN_MCAST_LISTEN); !status.ok()) return status;
  absl::Status answer = absl::UnknownError("");
  const auto deadline = std::chrono::steady_clock::now() + kAnswerWithin;
  pollfd readable{socket_.get(), POLLIN, 0};
  // Stops at the deadline, because other subscribers may cause an endless stream of events.
  while (absl::IsUnknown(answer) && std::chrono::steady_clock::now() < deadline &&
         poll(&readable, 1, static_cast<int>(kAnswerWithin.count())) > 0) {
    batch_->Receive(socket_.get(), [&](std::string_view bytes) {
      TakeMessage(bytes, [&](const Message& message) {
        if (message.event.what != kProcEventNone || message.ack != port_ + 1) return;
        const auto error = static_cast<int>(message.event.event_data.ack.err);
        answer =
            error == 0 ? absl::OkStatus() : base::ErrnoStatus(error, "subscribing to the proc connector");
      });
    });
  }
  if (!absl::IsUnknown(answer)) return answer;
  // cn_proc_mcast_ctl does not answer processes outside the first namespaces.
  return absl::FailedPreconditionError("the proc connector works in the host's pid and user namespace only");
}

absl::Status ProcConnector::Send(proc_cn_mcast_op operation) {
  alignas(nlmsghdr) char request[kRequestBytes] = {};
  nlmsghdr outer{};
  outer.nlmsg_len = sizeof(request);
  outer.nlmsg_type = NLMSG_DONE;
  cn_msg inner{};
  inner.id = {CN_IDX_PROC, CN_VAL_PROC};
  inner.ack = port_;
  inner.len = sizeof(operation);
  std::memcpy(request, &outer, sizeof(outer));
  std::memcpy(request + NLMSG_HDRLEN, &inner, sizeof(inner));
  std::memcpy(request + kEventAt, &operation, sizeof(operation));
  if (send(socket_.get(), request, sizeof(request), 0) >= 0) return absl::OkStatus();
  if (errno == ECONNREFUSED) {
    return absl::FailedPreconditionError("the proc connector works in the host's network namespace only");
  }
  return base::ErrnoStatus(errno, "subscribing to the proc connector");
}

absl::Status ProcConnector::Receive(absl::FunctionRef<void(const proc_event&)> take) {
  return batch_->ReceiveAll(socket_.get(), "the proc connector", [&](std::string_view bytes) {
    TakeMessage(bytes, [&](const Message& message) { take(message.event); });
  });
}

// Uses the socket's counter: gaps in the sequence numbers would include the messages that the filter drops.
uint64_t ProcConnector::dropped() { return dropped_ += NewlyDropped(socket_.get(), last_count_); }

}  // namespace agent_exporter::kernel

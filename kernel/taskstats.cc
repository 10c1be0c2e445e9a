#include "kernel/taskstats.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include "base/errno_status.h"
#include "kernel/netlink_socket.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {
namespace {

constexpr size_t kAttributesAt = NLMSG_HDRLEN + GENL_HDRLEN;
constexpr size_t kAnswerBytes = 4096;
constexpr int kAnswerWithinMilliseconds = 200;
constexpr uint16_t kFirstVersion = 3;  // the first with peak memory
constexpr int64_t kOutOfProportion = 8;
// Freeing a page takes 0.1 us (measured on 6.18); this allows twice that.
constexpr uint64_t kBytesANanosecond = 20;

// Calls take(type, payload) for each attribute of `bytes`.
template <typename Take>
void ForEachAttribute(std::string_view bytes, Take take) {
  while (bytes.size() >= NLA_HDRLEN) {
    nlattr head;
    std::memcpy(&head, bytes.data(), sizeof(head));
    if (head.nla_len < NLA_HDRLEN || head.nla_len > bytes.size()) return;
    take(head.nla_type & NLA_TYPE_MASK, bytes.substr(NLA_HDRLEN, head.nla_len - NLA_HDRLEN));
    bytes.remove_prefix(std::min<size_t>(NLA_ALIGN(head.nla_len), bytes.size()));
  }
}

template <typename T>
T Leading(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof(value), bytes.size()));
  return value;
}

absl::Status Ask(int socket, uint16_t type, uint8_t command, uint16_t attribute, std::string_view payload) {
  alignas(nlmsghdr) char request[256] = {};
  nlattr value{};
  value.nla_type = attribute;
  value.nla_len = static_cast<uint16_t>(NLA_HDRLEN + payload.size());
  nlmsghdr outer{};
  outer.nlmsg_len = static_cast<uint32_t>(kAttributesAt + NLA_ALIGN(value.nla_len));
  outer.nlmsg_type = type;
  outer.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  genlmsghdr inner{};
  inner.cmd = command;
  inner.version = 1;
  std::memcpy(request, &outer, sizeof(outer));
  std::memcpy(request + NLMSG_HDRLEN, &inner, sizeof(inner));
  std::memcpy(request + kAttributesAt, &value, sizeof(value));
  std::memcpy(request + kAttributesAt + NLA_HDRLEN, payload.data(), payload.size());
  if (send(socket, request, outer.nlmsg_len, 0) >= 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, "requesting taskstats");
}

// Calls take(attributes) for each answer until the acknowledgement, and returns the acknowledgement's status.
// The kernel answers during the call that sends the request; the time limit is for a kernel that would not.
template <typename Take>
absl::Status Answer(int socket, std::string_view what, Take take) {
  alignas(nlmsghdr) char answer[kAnswerBytes];
  pollfd readable{socket, POLLIN, 0};
  while (poll(&readable, 1, kAnswerWithinMilliseconds) > 0) {
    const ssize_t got = recv(socket, answer, sizeof(answer), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(NLMSG_HDRLEN)) break;
    const std::string_view bytes(answer, static_cast<size_t>(got));
    const auto outer = Leading<nlmsghdr>(bytes);
    if (outer.nlmsg_type == NLMSG_ERROR) {
      const auto error = Leading<nlmsgerr>(bytes.substr(NLMSG_HDRLEN));
      if (error.error == 0) return absl::OkStatus();
      // taskstats.c returns only EINVAL if the caller is outside the first namespaces.
      if (error.error == -EINVAL) {
        return absl::FailedPreconditionError("taskstats work in the host's pid and user namespace only");
      }
      return base::ErrnoStatus(-error.error, what);
    }
    if (bytes.size() > kAttributesAt) take(bytes.substr(kAttributesAt));
  }
  return absl::UnavailableError("the kernel does not answer about taskstats");
}

// Linux 6.14 and 6.15 inserted fields into the middle of the struct, at first without a new version (version
// 16 reverted that). The pid is then not where it should be.
bool Understood(const taskstats& stats, pid_t pid) {
  return stats.version >= kFirstVersion && static_cast<pid_t>(stats.ac_pid) == pid;
}

// Longer than any process runs. With numbers up to this, sums and products below stay in range, whatever the
// kernel (or a fuzzer) says.
constexpr uint64_t kLongestNanoseconds = uint64_t{1} << 60;

int64_t Nanoseconds(uint64_t count, uint64_t unit = 1) {
  return static_cast<int64_t>(std::min(count, kLongestNanoseconds / unit) * unit);
}

CpuTimes Split(int64_t runtime, const taskstats& stats) {
  const auto in_system = static_cast<double>(stats.ac_stime);
  const double all = static_cast<double>(stats.ac_utime) + in_system;
  const auto system =
      all > 0 ? static_cast<int64_t>(static_cast<double>(runtime) * (in_system / all)) : int64_t{0};
  return {runtime - system, system};
}

// By how much a runtime can lag at most: 1/CONFIG_HZ s.
int64_t SchedulerTick() {
  static const int64_t tick = [] {
    timespec coarse{};  // that tick advances this clock
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &coarse) != 0 || coarse.tv_sec != 0) return 10'000'000L;
    return coarse.tv_nsec;
  }();
  return tick;
}

// Runtimes are as of the last tick or context switch. For a thread that never slept, the time up to its end
// follows from its lifetime and its time waiting for a CPU.
void SetCpu(const taskstats& task, const std::optional<taskstats>& process, TaskEnd& end) {
  const int64_t known = Nanoseconds((process ? *process : task).cpu_run_virtual_total);
  if (!process) end.lived_ns = Nanoseconds(task.ac_etime, 1000);
  const bool never_slept = !process && task.nvcsw == 0;
  const int64_t ran = end.lived_ns - Nanoseconds(task.cpu_delay_total);
  end.cpu = Split(never_slept ? std::clamp(ran, known, known + SchedulerTick()) : known, task);
}

}  // namespace

std::optional<TaskEnd> ParseTaskEnd(std::string_view attributes) {
  std::optional<taskstats> task, process;
  pid_t pid = 0, tgid = 0;
  ForEachAttribute(attributes, [&](int type, std::string_view inside) {
    const bool whole = type == TASKSTATS_TYPE_AGGR_TGID;
    if (!whole && type != TASKSTATS_TYPE_AGGR_PID) return;
    ForEachAttribute(inside, [&](int kind, std::string_view value) {
      if (kind == TASKSTATS_TYPE_PID) pid = Leading<pid_t>(value);
      if (kind == TASKSTATS_TYPE_TGID) tgid = Leading<pid_t>(value);
      if (kind == TASKSTATS_TYPE_STATS) (whole ? process : task) = Leading<taskstats>(value);
    });
  });
  if (!task || !Understood(*task, pid)) return std::nullopt;
  TaskEnd end;
  end.pid = tgid != 0 ? tgid : pid;
  end.parent = static_cast<pid_t>(task->ac_ppid);
  SetCpu(*task, process, end);
  end.max_resident_bytes = task->hiwater_rss * 1024;
  end.comm.assign(task->ac_comm, strnlen(task->ac_comm, sizeof task->ac_comm));
  return end;
}

int64_t ExitWork::Of(const TaskEnd& end, int64_t lived_ns) {
  if (end.lived_ns == 0 || lived_ns == 0) return usual_ns_;
  const int64_t took = std::max<int64_t>(lived_ns - end.lived_ns, 0);
  const auto memory = static_cast<int64_t>(end.max_resident_bytes / kBytesANanosecond);
  if (took > kOutOfProportion * usual_ns_ + memory) return usual_ns_;
  usual_ns_ += (std::min(took, 4 * usual_ns_) - usual_ns_) / 16;
  return took;
}

// Enough for two structs of 560 bytes (6.18) that may grow.
class Taskstats::Batch : public NetlinkBatch<2048> {};

Taskstats::Taskstats(base::Descriptor socket)
    : socket_(std::move(socket)), batch_(std::make_unique<Batch>()) {}

// The kernel removes a listener when it tries to send to the closed socket.
Taskstats::~Taskstats() = default;

absl::StatusOr<std::unique_ptr<Taskstats>> Taskstats::Open(int receive_buffer_bytes) {
  base::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
  if (!socket.ok()) return base::ErrnoStatus(errno, "opening taskstats");
  MakeRoom(socket.get(), receive_buffer_bytes);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0) {
    return base::ErrnoStatus(errno, "opening taskstats");
  }
  const int fd = socket.get();
  std::unique_ptr<Taskstats> opened(new Taskstats(std::move(socket)));

  const std::string_view name(TASKSTATS_GENL_NAME, sizeof(TASKSTATS_GENL_NAME));
  absl::Status status = Ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name);
  if (status.ok()) {
    status = Answer(fd, "taskstats", [&](std::string_view attributes) {
      ForEachAttribute(attributes, [&](int type, std::string_view value) {
        if (type == CTRL_ATTR_FAMILY_ID) opened->family_ = Leading<uint16_t>(value);
      });
    });
  }
  if (absl::IsNotFound(status)) return absl::UnimplementedError("this kernel has no taskstats");
  if (!status.ok()) return status;

  // Reads this process' own record, to check that we understand the format.
  const pid_t self = getpid();
  const std::string_view pid(reinterpret_cast<const char*>(&self), sizeof(self));
  bool understood = false;
  status = Ask(fd, opened->family_, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, pid);
  if (status.ok()) {
    status = Answer(fd, "reading taskstats",
                    [&](std::string_view attributes) { understood = ParseTaskEnd(attributes).has_value(); });
  }
  if (!status.ok()) return status;
  if (!understood) return absl::UnimplementedError("this kernel's taskstats have an unknown format");

  const std::string cpus = "0-" + std::to_string(std::max(sysconf(_SC_NPROCESSORS_CONF), 1L) - 1);
  status = Ask(fd, opened->family_, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
               std::string_view(cpus.c_str(), cpus.size() + 1));
  if (status.ok()) status = Answer(fd, "listening to taskstats", [](std::string_view) {});
  if (!status.ok()) return status;
  return opened;
}

absl::Status Taskstats::Receive(absl::FunctionRef<void(const TaskEnd&)> take) {
  return batch_->ReceiveAll(socket_.get(), "taskstats", [&](std::string_view message) {
    if (message.size() <= kAttributesAt || Leading<nlmsghdr>(message).nlmsg_type != family_) return;
    if (const auto end = ParseTaskEnd(message.substr(kAttributesAt))) take(*end);
  });
}

uint64_t Taskstats::dropped() { return dropped_ += NewlyDropped(socket_.get(), last_count_); }

}  // namespace agent_exporter::kernel

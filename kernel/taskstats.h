// The kernel's record of every task that ends (kernel/taskstats.c, Documentation/accounting/taskstats.rst):
// its CPU and peak memory, without BPF. Private to kernel/; kernel/netlink_events.h uses it.
//
// Needs CAP_NET_ADMIN while it is opened, and the first user, pid and network namespaces. Every thread of the
// host that ends sends a record of half a kilobyte.
//
// A record is written early in do_exit: before memory is torn down (20 to 100 us of CPU on 6.18), with a
// runtime up to the last scheduler tick or context switch, so it is slightly too low.
//
// Ownership: owns its socket. Thread safety: none.

#ifndef AGENT_EXPORTER_KERNEL_TASKSTATS_H_
#define AGENT_EXPORTER_KERNEL_TASKSTATS_H_

#include <linux/taskstats.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// The end of a thread, or, where it was the last one, of its process.
struct TaskEnd {
  pid_t pid = 0;     // a thread's own number until its process' last thread ends, then the process'
  pid_t parent = 0;  // the process that was its parent then
  // All threads together, where the process ends. A process of one thread that never slept used what its life
  // was long less what it waited for a CPU, which fills the gap up to a tick; any other's is as of the last
  // tick or switch.
  CpuTimes cpu;
  int64_t lived_ns = 0;             // from its fork to the record; 0: it had other threads, which may live on
  uint64_t max_resident_bytes = 0;  // of its memory, so the process'; 0: not known
  std::string comm;
};

class Taskstats {
 public:
  // Unimplemented: this kernel has none, or one that cannot be read (version 15, of Linux 6.14 and 6.15,
  // moved fields); PermissionDenied: CAP_NET_ADMIN is missing; FailedPrecondition: not the host's user or pid
  // namespace. Another network namespace cannot be told from silence: the proc connector tells that.
  static absl::StatusOr<std::unique_ptr<Taskstats>> Open(int receive_buffer_bytes);
  ~Taskstats();
  Taskstats(const Taskstats&) = delete;
  Taskstats& operator=(const Taskstats&) = delete;

  // Calls take(end) for every waiting record, in the order of each CPU. Does not wait.
  absl::Status Receive(absl::FunctionRef<void(const TaskEnd&)> take);

  // Records lost so far because the buffer was full.
  uint64_t dropped();

 private:
  class Batch;

  explicit Taskstats(base::Descriptor socket);

  const base::Descriptor socket_;
  const std::unique_ptr<Batch> batch_;
  uint16_t family_ = 0;
  uint64_t dropped_ = 0;
  uint32_t last_count_ = 0;  // the kernel's counter, 32 bits wide
};

// What a process used between its record and its end. Known is the time on the clock, in which it may have
// waited for a CPU as well; a time out of all proportion to what others took and to its memory is no work.
class ExitWork {
 public:
  // In nanoseconds, of one that lived `lived_ns` in all; 0: not known.
  int64_t Of(const TaskEnd& end, int64_t lived_ns);

 private:
  int64_t usual_ns_ = 100'000;
};

// What one message of the taskstats family says; empty where it holds no statistics that are understood.
// `attributes`: what follows genlmsghdr.
std::optional<TaskEnd> ParseTaskEnd(std::string_view attributes);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_TASKSTATS_H_

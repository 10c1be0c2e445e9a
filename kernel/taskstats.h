// The record that the kernel writes of every ended task (kernel/taskstats.c,
// Documentation/accounting/taskstats.rst): its CPU and peak memory, without BPF. Private to kernel/;
// kernel/netlink_events.cc uses it.
//
// Open needs CAP_NET_ADMIN and the first user, pid and network namespaces. The kernel sends half a kilobyte
// for every thread of the host that ends.
//
// The kernel writes the record early in do_exit, before it frees the memory (20 to 100 us of CPU on 6.18),
// with the runtime up to the last scheduler tick or context switch. So the CPU is slightly too low.
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

// The end of a thread; if it was the last one, the end of its process.
struct TaskEnd {
  pid_t pid = 0;     // the thread's id; for the last thread of a process, the process' pid
  pid_t parent = 0;  // its parent process at that time
  // If the process ended, the sum of all threads. For a process with one thread that never slept, this is its
  // lifetime minus its time waiting for a CPU, which is exact; for others it is as of the last tick or
  // context switch.
  CpuTimes cpu;
  int64_t lived_ns = 0;             // from fork to record; 0: it had other threads, which may still run
  uint64_t max_resident_bytes = 0;  // the process' peak; 0: unknown
  std::string comm;
};

class Taskstats {
 public:
  // Unimplemented: this kernel has none, or one that cannot be read (version 15, of Linux 6.14 and 6.15,
  // moved fields); PermissionDenied: CAP_NET_ADMIN is missing; FailedPrecondition: not the host's user or pid
  // namespace. In another network namespace, no record ever comes and no error is returned; the proc
  // connector reports that case.
  static absl::StatusOr<std::unique_ptr<Taskstats>> Open(int receive_buffer_bytes);
  ~Taskstats();
  Taskstats(const Taskstats&) = delete;
  Taskstats& operator=(const Taskstats&) = delete;

  // Calls take(end) for every waiting record; the order holds per CPU only. Does not block.
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

// Estimates the CPU that a process used between its record and its end. We know only the elapsed time, which
// may include waiting for a CPU. If that is far more than other processes took, and than its memory explains,
// we do not count it as work.
class ExitWork {
 public:
  // In nanoseconds. `lived_ns`: its whole lifetime; 0: unknown.
  int64_t Of(const TaskEnd& end, int64_t lived_ns);

 private:
  int64_t usual_ns_ = 100'000;
};

// Parses one message of the taskstats family; empty if it has no statistics that we understand. `attributes`:
// the bytes after genlmsghdr.
std::optional<TaskEnd> ParseTaskEnd(std::string_view attributes);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_TASKSTATS_H_

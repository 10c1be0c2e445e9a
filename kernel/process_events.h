// Events of processes between two snapshots: fork, exec, exit. Two implementations: bpf (tracepoints into a
// ring buffer) and netlink (the proc connector). Without events there is no object.
//
// With events no child of a watched process is missed, however short its life, and the members of an agent
// are known without listing /proc.
//
// Ownership: the caller owns the object; destroying it detaches everything. Nothing is pinned, so a killed
// exporter leaves nothing behind. Thread safety: none. One thread (the sampler's) uses it.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_EVENTS_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_EVENTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// CPU of all threads of a process.
struct LastCpu {
  CpuTimes own;
  std::optional<CpuTimes> children;  // waited-for children, including their own; empty: unknown
};

// The program that an execve started. It identifies a process even after the process is gone.
struct Program {
  pid_t session = 0;
  uint64_t start_stack = 0;
  uid_t uid = 0;
  std::string path;  // of the file that the kernel runs (for a script: its interpreter); empty: too long
  std::vector<std::string> argv;
  bool argv_cut = false;  // argv was longer
};

struct ProcessEvent {
  enum class Kind {
    kFork,      // key: the child; parent: its parent's pid; comm: as of the fork
    kExec,      // key runs another program; parent and comm are set if `program` is
    kExit,      // key ended with `status` (as of wait(2)); it may still be a zombie
    kFinalCpu,  // key was freed; no watched parent's cutime will ever show its `cpu`
    kOom,       // the OOM killer chose key
  };
  Kind kind = Kind::kFork;
  ProcessKey key;  // start_ticks 0: unknown
  pid_t parent = 0;
  int status = 0;
  // kFinalCpu: always set. kExit: the CPU so far, set if a kFinalCpu should follow but may be lost.
  std::optional<LastCpu> cpu;
  // kExit: CPU used so far; it tells which child's CPU a parent's cutime includes. Empty: unknown.
  std::optional<CpuTimes> used;
  uint64_t max_resident_bytes = 0;         // kExit: peak; 0: unknown
  std::string comm;                        // kFork, kExec; kExit if it was unknown before
  std::shared_ptr<const Program> program;  // kExec; null: unknown
  // kFork: the parent has just run execve, and neither it nor this child is tracked yet. Their events stop
  // after two more Drains unless Track is called.
  bool tentative = false;
};

class ProcessEvents {
 public:
  virtual ~ProcessEvents() = default;

  // "bpf" or "netlink".
  virtual std::string_view name() const = 0;

  // From now on reports these processes and all their descendants. If the implementation still has their
  // events of the last seconds, the next Drain returns them. The caller must find and track children from
  // before (full snapshot).
  virtual absl::Status Track(absl::Span<const ProcessKey> keys) = 0;

  // Appends the events since the last call, in order.
  virtual absl::Status Drain(std::vector<ProcessEvent>* events) = 0;

  // Events lost so far because a buffer was full; the next full snapshot repairs lineage.
  virtual uint64_t lost() = 0;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_EVENTS_H_

// What happens to processes between two snapshots: fork, exec, exit. Three makers: bpf (tracepoints into a
// ring buffer), netlink (the proc connector) and none, which is no object at all.
//
// With events no child of a watched process is missed, however short it lives, and membership is known
// without listing /proc.
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

// What all threads of a process used.
struct LastCpu {
  CpuTimes own;
  std::optional<CpuTimes> children;  // waited-for children, with theirs; empty: unknown to the maker
};

// The program that an execve started: says what a process was after it is gone.
struct Program {
  pid_t session = 0;
  uint64_t start_stack = 0;
  uid_t uid = 0;
  std::string path;  // of the file that the kernel runs, a script's interpreter; empty: too long
  std::vector<std::string> argv;
  bool argv_cut = false;  // there was more of it
};

struct ProcessEvent {
  enum class Kind {
    kFork,      // key is the child's, parent its parent's pid; comm as of the fork
    kExec,      // key runs another program; with `program` also parent and comm
    kExit,      // key ended with `status`, as wait(2) returns it; it may still be a zombie
    kFinalCpu,  // key is freed; no watched parent's cutime will ever show its `cpu`
    kOom,       // the OOM killer chose key
  };
  Kind kind = Kind::kFork;
  ProcessKey key;  // start_ticks 0: the maker does not know it
  pid_t parent = 0;
  int status = 0;
  // kFinalCpu: always set. kExit: the CPU so far, if a kFinalCpu should follow but may be lost.
  std::optional<LastCpu> cpu;
  // kExit: what it used until then; says whose CPU a parent's cutime shows. Empty: unknown to the maker.
  std::optional<CpuTimes> used;
  uint64_t max_resident_bytes = 0;         // kExit: peak; 0: not known
  std::string comm;                        // kFork, kExec; kExit where the maker knows it only then
  std::shared_ptr<const Program> program;  // kExec: null where the maker does not know it
  // kFork: neither this child nor its parent, which just ran execve, is tracked. Their events end after two
  // more Drains unless Track is called.
  bool tentative = false;
};

class ProcessEvents {
 public:
  virtual ~ProcessEvents() = default;

  // "bpf" or "netlink".
  virtual std::string_view name() const = 0;

  // From now on reports these processes and everything they start. Their events of the last seconds, if the
  // maker still has them, come with the next Drain. The caller must find and track earlier children (full
  // snapshot).
  virtual absl::Status Track(absl::Span<const ProcessKey> keys) = 0;

  // Appends what happened since the last call, in order.
  virtual absl::Status Drain(std::vector<ProcessEvent>* events) = 0;

  // Events lost so far because a buffer was full; the next full snapshot repairs lineage.
  virtual uint64_t lost() = 0;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_EVENTS_H_

// The interface between the kernel's process data and everything above it.
//
// Two implementations: procfs (kernel/procfs_source.h), which works everywhere, and bpf, which reads all
// processes in one loop inside the kernel. Both fill in the same structs, so callers do not depend on which
// one runs.
//
// Ownership: the caller owns the source; the source owns its descriptors. Thread safety: none; only the
// sampler's thread uses a source. Errors: any call may return NotFound because the process is gone; callers
// do not log it. A field that this user may not read is an empty optional and is counted in the source's
// Unreadable.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_SOURCE_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_SOURCE_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// Which parts of ProcessUsage to read, because each costs time.
struct UsageFields {
  bool memory_parts = true;  // anon, file, shmem, swap; resident and virtual are always read
  bool open_fds = true;
  bool io = false;
  bool context_switches = false;
  bool threads = false;  // costs a read for each thread
  bool fd_limit = false;
};

class ProcessSource {
 public:
  virtual ~ProcessSource() = default;

  // "procfs" or "bpf": the label of agent_exporter_process_source_info.
  virtual std::string_view name() const = 0;

  // Replaces *rows with every process this user can see, in the order they were read, without those that end
  // meanwhile. Fails only if processes cannot be listed at all (no /proc).
  virtual absl::Status ReadAll(std::vector<ProcessStat>* rows) = 0;

  // Reads one process again. NotFound if it is gone, even if another process has its pid now.
  virtual absl::StatusOr<ProcessStat> ReadOne(const ProcessKey& key) = 0;

  // Replaces *rows with those of `keys` that still exist, in that order. start_ticks 0 matches any process
  // with that pid.
  virtual absl::Status ReadSome(absl::Span<const ProcessKey> keys, std::vector<ProcessStat>* rows);

  // Reads the costly figures of a watched process. The source may keep descriptors open for `key` until
  // Forget. FailedPrecondition: the process is exiting and has released its memory (exit_mm, kernel/exit.c),
  // or is a zombie.
  virtual absl::StatusOr<ProcessUsage> ReadUsage(const ProcessKey& key, const UsageFields& fields) = 0;

  // Releases what is held for `key`, which is no longer watched. Ignores unknown keys.
  virtual void Forget(const ProcessKey& key) = 0;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_SOURCE_H_

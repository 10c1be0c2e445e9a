// The seam between "what the kernel knows about processes" and everything above it.
//
// Two makers: procfs (kernel/procfs_source.h), which works everywhere, and bpf, which reads every process in
// one system call. Both fill in the same structs, so nothing above this line knows which one runs.
//
// Ownership: the caller owns the source; the source owns its descriptors.
// Thread safety: none. One thread (the sampler's) uses a source.
// Errors: a process that went away is absl::NotFoundError at any point and never worth a log line; a field
// that this user may not read is an empty optional, counted in the Unreadable that the source was made with.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_SOURCE_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_SOURCE_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// Which parts of ProcessUsage to read. Reading what nobody shows would be a waste.
struct UsageFields {
  bool memory_parts = true;  // anon, file, shmem, swap; resident and virtual are always read
  bool open_fds = true;
  bool io = false;
  bool context_switches = false;
};

class ProcessSource {
 public:
  virtual ~ProcessSource() = default;

  // "procfs" or "bpf": the label of agent_exporter_process_source_info.
  virtual std::string_view name() const = 0;

  // Replaces *rows with every process this user can see, in the order they were read. Fails only when the
  // listing itself is impossible (no /proc); processes that vanish meanwhile are left out.
  virtual absl::Status ReadAll(std::vector<ProcessStat>* rows) = 0;

  // Reads one process again. NotFound if it is gone, also if another process has its pid now.
  virtual absl::StatusOr<ProcessStat> ReadOne(const ProcessKey& key) = 0;

  // Replaces *rows with those of `keys` that still exist, in that order. start_ticks 0 matches any process
  // with that pid.
  virtual absl::Status ReadSome(absl::Span<const ProcessKey> keys, std::vector<ProcessStat>* rows);

  // Reads the costly figures of a watched process. The source may keep descriptors open for `key` until
  // Forget. FailedPrecondition: it has given its memory back (exit_mm, kernel/exit.c) and ends, or is a
  // zombie.
  virtual absl::StatusOr<ProcessUsage> ReadUsage(const ProcessKey& key, const UsageFields& fields) = 0;

  // `key` is no longer watched: drops what is held for it. Unknown keys are ignored.
  virtual void Forget(const ProcessKey& key) = 0;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_SOURCE_H_

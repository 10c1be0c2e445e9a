// The files of one process that say who it is, each read on demand and seldom: once per identity and again
// after an exec. Plain procfs whichever ProcessSource runs, since an identity is read once, not once a tick.
//
// The kernel may never answer about a process' memory (Cmdline, Exe), so these two are bounded reads.
//
// Thread safety: none (a shared buffer).
// Errors: as RootedReader, and BoundedReads where those are used; InvalidArgument for text that does not have
// the form of the kernel. NotFound means the process went; Exe and Cwd say it of zombies and kernel threads
// too, which have none.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bounded_reads.h"
#include "kernel/process.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

class ProcessFiles {
 public:
  // `proc` must outlive this object.
  explicit ProcessFiles(const RootedReader& proc, base::BoundedReads& reads = base::BoundedReads::Shared())
      : proc_(proc), reads_(reads) {}

  // argv as /proc/<pid>/cmdline holds it, split at NUL; empty for kernel threads and zombies. Empty arguments
  // at the end are dropped: programs that rewrite their title pad it with NULs. At most 64 KiB is read: a
  // longer one is cut, which no match rule minds.
  absl::StatusOr<std::vector<std::string>> Cmdline(const ProcessKey& key);
  // Target of /proc/<pid>/exe without a trailing " (deleted)".
  absl::StatusOr<std::string> Exe(const ProcessKey& key);
  absl::StatusOr<std::string> Cwd(pid_t pid);
  // Real uid, from the Uid line of /proc/<pid>/status.
  absl::StatusOr<uid_t> Uid(pid_t pid);
  // The text of /proc/<pid>/cgroup: lines "id:controllers:path" (cgroups(7)).
  absl::StatusOr<std::string> Cgroup(pid_t pid);
  absl::StatusOr<ProcessLimits> Limits(pid_t pid);

 private:
  // The root, in hands that outlive this: a read that hangs still uses it.
  std::shared_ptr<const RootedReader> OwnedRoot();

  const RootedReader& proc_;
  base::BoundedReads& reads_;
  std::shared_ptr<const RootedReader> owned_root_;
  std::string buffer_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_

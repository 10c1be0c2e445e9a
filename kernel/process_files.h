// The files of one process that identify it. They are read rarely: once per process and again after an exec.
// So plain procfs is fast enough, whichever ProcessSource is in use.
//
// Reads of a process' memory (Cmdline, Environ, Exe) or of a file system (FollowLinks, Descriptors) may hang
// in the kernel, so these are bounded reads.
//
// Thread safety: none (a shared buffer). Errors: those of RootedReader and, for bounded reads, of
// BoundedReads; InvalidArgument for text that is not in the kernel's format. NotFound means that the process
// is gone; for Exe and Cwd also that it is a zombie or a kernel thread, which have none.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bounded_reads.h"
#include "kernel/descriptor_kinds.h"
#include "kernel/process.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// argv, split at NUL, without empty words at the end: programs that rewrite their title pad it with NULs.
struct CommandLine {
  std::vector<std::string> words;
  bool whole = true;  // false: it is longer, and the last word may be truncated
};

// A process' memory, with each shared page divided by the number of processes that map it.
struct ProportionalMemory {
  uint64_t resident_bytes = 0;
  uint64_t swapped_bytes = 0;
};

class ProcessFiles {
 public:
  // `proc` must outlive this object.
  explicit ProcessFiles(const RootedReader& proc, base::BoundedReads& reads = base::BoundedReads::Shared())
      : proc_(proc), reads_(reads) {}

  // Content of /proc/<pid>/cmdline, truncated to `limit` bytes. Empty for kernel threads and zombies.
  absl::StatusOr<CommandLine> Cmdline(const ProcessKey& key, size_t limit = 64 << 10);
  // More than the kernel accepts (6 MiB: fs/exec.c, bprm_stack_limits).
  static constexpr size_t kLongestCmdline = 8 << 20;
  // The environment that the process was started with, as "NAME=VALUE"; at most 1 MiB.
  absl::StatusOr<std::vector<std::string>> Environ(const ProcessKey& key);
  // Follows symlinks in the last component of `path` as the process sees them: from its root or its working
  // directory. Returns `path` itself if it is not a link or does not exist. Follows at most 8 links.
  absl::StatusOr<std::string> FollowLinks(const ProcessKey& key, const std::string& path);
  // Target of /proc/<pid>/exe, without a trailing " (deleted)".
  absl::StatusOr<std::string> Exe(const ProcessKey& key);
  absl::StatusOr<std::string> Cwd(pid_t pid);
  // Real uid, from the Uid line of /proc/<pid>/status.
  absl::StatusOr<uid_t> Uid(pid_t pid);
  // The pid that the process has in its own pid namespace, from the NSpid line of /proc/<pid>/status.
  absl::StatusOr<pid_t> InnermostPid(pid_t pid);
  // Paths of open files that contain `folder` and end in `suffix`, as seen in the process' mount namespace.
  absl::StatusOr<std::vector<std::string>> OpenPaths(pid_t pid, std::string_view folder,
                                                     std::string_view suffix);
  // Its open descriptors with their kinds, the lowest `most` of them from `first` on.
  absl::StatusOr<OpenDescriptors> Descriptors(const ProcessKey& key, size_t most, int first = 0);
  // Whether its standard input is a terminal.
  bool HasTerminal(pid_t pid);
  // Whether the process is in another mount namespace than this one. False if that is unknown.
  bool HasOtherMounts(pid_t pid);
  // The text of /proc/<pid>/cgroup: lines "id:controllers:path" (cgroups(7)).
  absl::StatusOr<std::string> Cgroup(pid_t pid);
  absl::StatusOr<ProcessLimits> Limits(pid_t pid);
  // From /proc/<pid>/smaps_rollup. Costs some milliseconds per GiB, and the process cannot map memory
  // meanwhile.
  absl::StatusOr<ProportionalMemory> Proportional(const ProcessKey& key);

 private:
  // Reads a file whose content the kernel takes from the process' memory.
  absl::StatusOr<std::string> ReadMemory(const ProcessKey& key, const char* file, size_t limit);
  // A root that a hanging read can use after this object is gone.
  std::shared_ptr<const RootedReader> OwnedRoot();

  const RootedReader& proc_;
  base::BoundedReads& reads_;
  std::shared_ptr<const RootedReader> owned_root_;
  std::string buffer_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_

// The files of one process that say who it is, each read on demand and seldom: once per identity and again
// after an exec. Plain procfs whichever ProcessSource runs, since an identity is read once, not once a tick.
//
// The kernel may never answer about a process' memory (Cmdline, Environ, Exe) or a file system (FollowLinks,
// Descriptors), so these are bounded reads.
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
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bounded_reads.h"
#include "kernel/descriptor_kinds.h"
#include "kernel/process.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// argv, split at NUL. Empty words at the end are dropped: programs that rewrite their title pad it with NULs.
struct CommandLine {
  std::vector<std::string> words;
  bool whole = true;  // false: it goes on, and the last word may be cut
};

class ProcessFiles {
 public:
  // `proc` must outlive this object.
  explicit ProcessFiles(const RootedReader& proc, base::BoundedReads& reads = base::BoundedReads::Shared())
      : proc_(proc), reads_(reads) {}

  // What /proc/<pid>/cmdline holds: empty for kernel threads and zombies. A longer one than `limit` bytes is
  // cut.
  absl::StatusOr<CommandLine> Cmdline(const ProcessKey& key, size_t limit = 64 << 10);
  // Longer than any the kernel accepts (6 MiB: fs/exec.c, bprm_stack_limits).
  static constexpr size_t kLongestCmdline = 8 << 20;
  // What the process was started with, "NAME=VALUE" each; at most 1 MiB.
  absl::StatusOr<std::vector<std::string>> Environ(const ProcessKey& key);
  // Follows the symlinks at `path` (of its last part only) as the process sees them: from its own root, or
  // from its working directory. `path` itself where it is no link or nothing is there; at most 8 links.
  absl::StatusOr<std::string> FollowLinks(const ProcessKey& key, const std::string& path);
  // Target of /proc/<pid>/exe without a trailing " (deleted)".
  absl::StatusOr<std::string> Exe(const ProcessKey& key);
  absl::StatusOr<std::string> Cwd(pid_t pid);
  // Real uid, from the Uid line of /proc/<pid>/status.
  absl::StatusOr<uid_t> Uid(pid_t pid);
  // The pid that the process has in its own pid namespace, from the NSpid line of /proc/<pid>/status.
  absl::StatusOr<pid_t> InnermostPid(pid_t pid);
  // Paths of open files that hold `folder` and end in `suffix`, as the process' mount namespace has them.
  absl::StatusOr<std::vector<std::string>> OpenPaths(pid_t pid, std::string_view folder,
                                                     std::string_view suffix);
  // Its open descriptors with their kinds, the lowest `most` of them.
  absl::StatusOr<OpenDescriptors> Descriptors(const ProcessKey& key, size_t most);
  // Whether its standard input is a terminal.
  bool HasTerminal(pid_t pid);
  // Whether it sees other files than this process: another mount namespace. False where that cannot be told.
  bool HasOtherMounts(pid_t pid);
  // The text of /proc/<pid>/cgroup: lines "id:controllers:path" (cgroups(7)).
  absl::StatusOr<std::string> Cgroup(pid_t pid);
  absl::StatusOr<ProcessLimits> Limits(pid_t pid);

 private:
  // A file of the process' memory.
  absl::StatusOr<std::string> ReadMemory(const ProcessKey& key, const char* file, size_t limit);
  // A root that a read which hangs may use after this object is gone.
  std::shared_ptr<const RootedReader> OwnedRoot();

  const RootedReader& proc_;
  base::BoundedReads& reads_;
  std::shared_ptr<const RootedReader> owned_root_;
  std::string buffer_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_FILES_H_

// Usage of limits that many processes share: a user's inotify instances, watches and tasks, and the host's
// pseudo-terminals. When one is used up, watching a file, forking or opening a terminal fails although the
// process itself is far from its own limits (inotify(7), getrlimit(2), pty(7)).
//
// The kernel has no figure for a user's usage. For inotify we look at every descriptor of every process of
// the user, about 2 µs each; for tasks we stat each process of the host, about 2 µs each. So read them
// rarely. Reading takes no lock of the processes. Processes that we may not read are left out, so a user's
// usage is a lower bound.
//
// Thread safety: none (a shared buffer).

#ifndef AGENT_EXPORTER_KERNEL_SHARED_USE_H_
#define AGENT_EXPORTER_KERNEL_SHARED_USE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

struct InotifyUse {
  uint64_t instances = 0;
  uint64_t watches = 0;
  std::optional<uint64_t> max_instances, max_watches;  // of one user
};

struct PtyUse {
  uint64_t used = 0;
  uint64_t max = 0;
};

class SharedUseReader {
 public:
  // `proc` must outlive this.
  explicit SharedUseReader(const RootedReader& proc) : proc_(proc) {}

  // The owner of a process; empty if the process is gone.
  std::optional<uid_t> Owner(pid_t pid) const;
  InotifyUse Inotify(uid_t user);
  // Threads of the user's processes, which RLIMIT_NPROC limits. /proc/<pid>/task has one link per thread plus
  // two (proc_task_getattr() in fs/proc/base.c).
  uint64_t Tasks(uid_t user) const;
  // /proc/sys/kernel/pty; empty if the kernel has none.
  std::optional<PtyUse> Ptys();

 private:
  void AddProcess(const std::string& pid, InotifyUse* use);
  std::optional<uint64_t> Number(const char* path);

  const RootedReader& proc_;
  std::string buffer_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_SHARED_USE_H_

// What a user holds of inotify: instances and watches, over all of the user's processes, and how many the
// kernel allows (/proc/sys/fs/inotify). When they are used up, watching a file fails although descriptors are
// free (inotify(7)).
//
// The kernel has no figure for it: every descriptor of every process of the user is looked at, about 2 µs
// each. So read it seldom. Reading takes no lock of the processes.
//
// Thread safety: none (a shared buffer).

#ifndef AGENT_EXPORTER_KERNEL_INOTIFY_H_
#define AGENT_EXPORTER_KERNEL_INOTIFY_H_

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

class InotifyReader {
 public:
  // `proc` must outlive this.
  explicit InotifyReader(const RootedReader& proc) : proc_(proc) {}

  // The owner of a process; empty if it went.
  std::optional<uid_t> Owner(pid_t pid) const;
  // Processes that may not be looked at are left out, so that the use is a lower bound.
  InotifyUse Read(uid_t user);

 private:
  void AddProcess(const std::string& pid, InotifyUse* use);
  std::optional<uint64_t> Limit(const char* name);

  const RootedReader& proc_;
  std::string buffer_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_INOTIFY_H_

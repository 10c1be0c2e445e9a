// Which limit an agent will hit first, and how close it is to each.
//
// Every process is compared with the limits that can stop it, those of its control group and its rlimits:
//
//   resource  rlimit                     cgroup (and its ancestors)        host
//   fds       soft RLIMIT_NOFILE         -                                 fs.file-max
//   memory    RLIMIT_AS, against         memory.max, memory.high,          its own and what is available,
//             virtual memory             the swap limit                    with free swap
//   pids      RLIMIT_NPROC               pids.max                          min(pid_max, threads-max)
//   inotify   -                          -                                 fs.inotify.max_user_*
//   ptys      -                          -                                 kernel.pty.max
//
// Some limits are shared: inotify's by all processes of a user, pseudo-terminals by the whole host. For these
// the total counts, and it is shown from a tenth of the limit on. Inotify is read every five minutes, or
// every 30 s when more than half full, because we must look at each descriptor.
//
// RLIMIT_NPROC also counts all tasks of a user, but does not stop root (copy_process() in kernel/fork.c). We
// count the user's tasks every 30 s, and only if the host has enough tasks to reach half of the limit;
// otherwise we use the agent's own.
//
// A node process dies first at V8's heap limit (v8_heap, agents/v8_heap.h), so its anonymous memory is
// compared with that.
//
// Scope self is the fullest root. Scope tree is the use beyond the roots: everything charged to a control
// group, the whole tree against the host, and for fds the process of the tree that is closest to its own
// limit. A zombie counts as a task until its parent waits for it: release_task() releases its pid and its
// share of RLIMIT_NPROC, threads-max and pids.max (kernel/exit.c; pids_release in kernel/cgroup/pids.c).
//
// Limits are read at most every 60 s, or sooner if one is more than half full or the process has run execve
// (`ulimit -n 256; exec agent` is a common way to set limits).
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_LIMITS_H_
#define AGENT_EXPORTER_AGENTS_LIMITS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agents/observation.h"
#include "agents/v8_heap.h"
#include "kernel/cgroup.h"
#include "kernel/process_files.h"
#include "kernel/shared_use.h"
#include "kernel/unreadable.h"

namespace agent_exporter::agents {

class LimitBook {
 public:
  // All arguments must outlive this.
  LimitBook(kernel::ProcessFiles& files, kernel::CgroupReader& cgroups, kernel::SharedUseReader& shared,
            kernel::Unreadable& unreadable)
      : files_(files), cgroups_(cgroups), shared_(shared), unreadable_(unreadable) {}

  // Fills in limits and limits_known of `process`, whose usage has been read. `now`: monotonic seconds.
  void ReadProcess(ProcessSample& process, double now);

  // Fills in holdings, resources and cgroup_pids_headroom of `agent`, after ReadProcess of all its processes.
  void Tightest(AgentSample& agent, const kernel::HostSample& host, double now);

  // The text of a process' cgroup file, after ReadProcess of it; null: unknown.
  std::shared_ptr<const std::string> Membership(const kernel::ProcessKey& key) const {
    const auto found = processes_.find(key);
    return found == processes_.end() ? nullptr : found->second.cgroup;
  }

  void Forget(const kernel::ProcessKey& key) { processes_.erase(key); }

 private:
  struct ProcessEntry {
    double read_at = -1;
    bool known = false;
    kernel::ProcessLimits limits;
    std::string comm;               // when they were read
    std::optional<V8Heap> v8_heap;  // of a node process
    std::optional<uid_t> user;      // of a root
    // Text of /proc/<pid>/cgroup; null: not read. Shared, because most processes of a tree have the same.
    std::shared_ptr<const std::string> cgroup;
  };
  struct CgroupEntry {
    double read_at = -1;
    double used_at = -1;
    std::vector<kernel::CgroupLimit> limits;
  };

  struct UserEntry {
    double inotify_read_at = -1, tasks_read_at = -1;
    kernel::InotifyUse inotify;
    uint64_t tasks = 0;
  };
  // The user of a root, after ReadProcess of it; empty if it is gone.
  std::optional<uid_t> UserOf(const kernel::ProcessKey& root);
  const kernel::InotifyUse& Inotify(uid_t user, double now);
  // Empty if the user is far from `limit`.
  std::optional<uint64_t> TasksOf(uid_t user, uint64_t limit, const kernel::HostSample& host, double now);
  std::optional<kernel::PtyUse> Ptys(double now);

  const std::vector<kernel::CgroupLimit>& CgroupLimits(const std::string& membership, double now);

  kernel::ProcessFiles& files_;
  kernel::CgroupReader& cgroups_;
  kernel::SharedUseReader& shared_;
  kernel::Unreadable& unreadable_;
  absl::flat_hash_map<kernel::ProcessKey, ProcessEntry> processes_;
  absl::flat_hash_map<std::string, CgroupEntry> by_membership_;
  absl::flat_hash_map<uid_t, UserEntry> users_;
  std::optional<kernel::PtyUse> ptys_;
  double ptys_read_at_ = -1;
  std::shared_ptr<const std::string> last_cgroup_;  // of the process read last
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_LIMITS_H_

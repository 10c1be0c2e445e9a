// Which limit an agent hits first, and what there is to watch on the way.
//
// Every process is set against the limits that can stop it, its own control group's and its own rlimits:
//
//   resource  rlimit                     cgroup (and its ancestors)        host
//   fds       soft RLIMIT_NOFILE         -                                 fs.file-max
//   memory    RLIMIT_AS, against         memory.max, memory.high,          its own and what is available,
//             virtual memory             the swap limit                    with free swap
//   pids      RLIMIT_NPROC               pids.max                          min(pid_max, threads-max)
//   inotify   -                          -                                 fs.inotify.max_user_*
//   ptys      -                          -                                 kernel.pty.max
//
// Some limits are shared: inotify's by all processes of a user, pseudo-terminals by the host. What all hold
// counts, and shows from a tenth on. Inotify is read every five minutes, every 30 s above half full, because
// each descriptor is looked at.
//
// RLIMIT_NPROC counts all tasks of a user, too, and does not stop root (copy_process() in kernel/fork.c). The
// user's tasks are counted every 30 s, and only if the host has so many that half of the limit may be
// reached; else the agent's own stand for them.
//
// A node process dies at V8's heap limit first (v8_heap, agents/v8_heap.h): its anonymous memory stands
// against that.
//
// scope self is the fullest root; scope tree is what counts against a limit beyond the roots: everything
// charged to a control group, the whole tree against the host, and for fds the process of the tree that is
// nearest to its own limit. A zombie is a task until somebody waits for it: pid, RLIMIT_NPROC, threads-max
// and pids.max are given back in release_task() (kernel/exit.c; pids_release in kernel/cgroup/pids.c).
//
// Limits are read at most every 60 s, sooner for whatever is more than half full and for processes that run
// another program than before: `ulimit -n 256; exec agent` is how limits are set.
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
  // All must outlive this.
  LimitBook(kernel::ProcessFiles& files, kernel::CgroupReader& cgroups, kernel::SharedUseReader& shared,
            kernel::Unreadable& unreadable)
      : files_(files), cgroups_(cgroups), shared_(shared), unreadable_(unreadable) {}

  // Fills in limits and limits_known of `process` (its usage is read already). `now`: monotonic seconds.
  void ReadProcess(ProcessSample& process, double now);

  // Fills in holdings, resources and cgroup_pids_headroom of `agent`, whose processes went through
  // ReadProcess.
  void Tightest(AgentSample& agent, const kernel::HostSample& host, double now);

  // The text of the cgroup file of a process that went through ReadProcess; null: not known.
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
    // Text of /proc/<pid>/cgroup; null: not read. Neighbours in a tree mostly share one.
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
  // Of a root that went through ReadProcess; empty if it went.
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

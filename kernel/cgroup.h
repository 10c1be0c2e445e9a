// Limits and usage of a process' control groups, on cgroup v2, v1 and hosts that mount both (cgroups(7),
// Documentation/admin-guide/cgroup-v2.rst).
//
// Thread safety: none (a shared buffer).

#ifndef AGENT_EXPORTER_KERNEL_CGROUP_H_
#define AGENT_EXPORTER_KERNEL_CGROUP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// One limited resource of one group between a process' own group and the root.
struct CgroupLimit {
  enum class Resource { kMemory, kPids };
  enum class Kind {
    kMax,   // memory.max | memory.limit_in_bytes | pids.max: beyond it the kernel kills, or refuses to fork
    kHigh,  // memory.high: beyond it the kernel throttles the processes, almost to a halt
    kSwap,  // memory.max + memory.swap.max | memory.memsw.limit_in_bytes: memory and swap together
  };
  Resource resource = Resource::kMemory;
  Kind kind = Kind::kMax;
  bool ancestor = false;  // false: the process' own group
  std::string path;       // as in /proc/<pid>/cgroup
  uint64_t limit = 0;     // groups without a limit have no entry
  // What counts against the limit: tasks, or bytes that the kernel cannot simply drop. Before it kills, the
  // kernel reclaims page cache, including active_file; only dirty pages and pages under writeback stay.
  uint64_t used = 0;
};

// The OOM kills of one memory cgroup.
struct CgroupOomKills {
  std::string path;
  uint64_t count = 0;
};

class CgroupReader {
 public:
  // `cgroup_root` is where the hierarchies are mounted (/sys/fs/cgroup); it must outlive this. The layout is
  // probed there: v2 at the root itself or in unified/, v1 in a folder named after the controller.
  explicit CgroupReader(const RootedReader& cgroup_root) : root_(cgroup_root) {}

  // Every limit that applies to a process, own group first. `membership` is the text of its
  // /proc/<pid>/cgroup. Skips groups that cannot be read (outside this mount namespace, or gone).
  std::vector<CgroupLimit> Limits(std::string_view membership);

  // How many processes of the process' own memory group the OOM killer has killed, whichever limit was hit:
  // oom_kill of memory.events.local or memory.events (v2, >= 4.13) or of memory.oom_control (v1, >= 4.13).
  // Empty if the kernel has no such counter, as for the root group on v2.
  std::optional<CgroupOomKills> OomKills(std::string_view membership);

 private:
  const RootedReader& root_;
  std::string buffer_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_CGROUP_H_

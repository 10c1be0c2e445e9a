// Tells an OOM kill from any other SIGKILL by the counters the kernel keeps of its OOM kills.
//
// The kernel counts each victim twice: in the memory cgroup the victim belonged to, wherever the limit was
// that was hit (mm/memcontrol.c, MEMCG_OOM_KILL), and for the host (/proc/vmstat oom_kill). A process that
// was killed while its own cgroup's counter rose was killed by the OOM killer; while the host's did not rise,
// it was not. The kernel counts before it sends the signal.
//
// So the count to compare with must be one read before the root can have been killed: before the last look
// that saw it alive, or, of one that no look saw, before it started. Without one, nothing is denied.
//
// Cost: a file per cgroup of roots, read when it is new and once a minute; again when a root dies of SIGKILL.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_
#define AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agents/exit_category.h"
#include "kernel/cgroup.h"

namespace agent_exporter::agents {

class OomEvidence {
 public:
  // `cgroups` must outlive this.
  explicit OomEvidence(kernel::CgroupReader& cgroups) : cgroups_(cgroups) {}

  // A root is alive now, in these cgroups (the text of its cgroup file; null: not known). All times: seconds
  // of CLOCK_BOOTTIME.
  void NoteAlive(const kernel::ProcessKey& key, std::shared_ptr<const std::string> membership, double now);

  // What the counters say of a root that started at `started` and ended by SIGKILL since the last look, while
  // the host's counter reads `host_kills`. Forgets it.
  OomFinding Judge(const kernel::ProcessKey& key, double started, std::optional<uint64_t> host_kills);

  // A look is over; the host's counter read `host_kills`. Forgets roots not noted for five minutes.
  void EndLook(std::optional<uint64_t> host_kills, double now);

 private:
  struct Root {
    std::shared_ptr<const std::string> membership;
    std::optional<kernel::CgroupOomKills> kills;  // of its cgroup when last read
    std::optional<uint64_t> host_kills;           // before it was last noted
    double read_at = 0;
    double noted_at = 0;
  };

  kernel::CgroupReader& cgroups_;
  absl::flat_hash_map<kernel::ProcessKey, Root> roots_;
  struct Reading {
    double at = 0;
    std::optional<uint64_t> host_kills;
  };
  std::deque<Reading> readings_;  // of the last looks, oldest first
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_

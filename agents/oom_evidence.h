// Tells an OOM kill from any other SIGKILL by the counters the kernel keeps of its OOM kills.
//
// The kernel counts each victim twice: in the memory cgroup the victim belonged to, wherever the limit was
// that was hit (mm/memcontrol.c, MEMCG_OOM_KILL), and for the host (/proc/vmstat oom_kill). A process that
// was killed while its own cgroup's counter rose was killed by the OOM killer; while the host's did not rise,
// it was not.
//
// Cost: a file per cgroup of roots, read when it is new and once a minute; again when a root dies of SIGKILL.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_
#define AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_

#include <cstdint>
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

  // A root is alive now, in these cgroups (the text of its cgroup file; null: not known), while the host's
  // counter reads `host_kills`.
  void NoteAlive(const kernel::ProcessKey& key, std::shared_ptr<const std::string> membership,
                 std::optional<uint64_t> host_kills, double now);

  // What the counters say of a root that ended by SIGKILL since it was last noted. Forgets it.
  OomFinding Judge(const kernel::ProcessKey& key, std::optional<uint64_t> host_kills);

  // Drops whom nobody noted for five minutes.
  void Expire(double now);

 private:
  struct Root {
    std::shared_ptr<const std::string> membership;
    std::optional<kernel::CgroupOomKills> kills;  // of its cgroup when last read
    std::optional<uint64_t> host_kills;
    double read_at = 0;
    double noted_at = 0;
  };

  kernel::CgroupReader& cgroups_;
  absl::flat_hash_map<kernel::ProcessKey, Root> roots_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_

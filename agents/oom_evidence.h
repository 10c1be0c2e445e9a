// Distinguishes an OOM kill from any other SIGKILL by the kernel's OOM kill counters.
//
// The kernel counts each victim twice: in the victim's own memory cgroup, whichever group's limit was hit
// (mm/memcontrol.c, MEMCG_OOM_KILL), and for the host (/proc/vmstat oom_kill). It counts before it sends the
// signal. If the cgroup's counter rose, it was an OOM kill; if the host's counter did not rise, it was not.
//
// The earlier count must be from before the kill: from before the last sample that saw the root alive or, if
// no sample did, from before its start. Without such a count an OOM kill cannot be ruled out.
//
// Cost: one file per cgroup with roots, read when the cgroup is new, once a minute, and when a root dies of
// SIGKILL.
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

  // Records that a root is alive in these cgroups (the text of its cgroup file; null: unknown). All times are
  // seconds of CLOCK_BOOTTIME.
  void RecordAlive(const kernel::ProcessKey& key, std::shared_ptr<const std::string> membership, double now);

  // What the counters say about a root that started at `started` and died of SIGKILL since the last sample.
  // `host_kills`: the host's counter now. Forgets the root.
  OomFinding Classify(const kernel::ProcessKey& key, double started, std::optional<uint64_t> host_kills);

  // Ends a sample; `host_kills` is the host's counter. Forgets roots without RecordAlive for five minutes.
  void EndLook(std::optional<uint64_t> host_kills, double now);

 private:
  struct Root {
    std::shared_ptr<const std::string> membership;
    std::optional<kernel::CgroupOomKills> kills;  // of its cgroup when last read
    std::optional<uint64_t> host_kills;           // before the last RecordAlive
    double read_at = 0;
    double seen_at = 0;
  };

  kernel::CgroupReader& cgroups_;
  absl::flat_hash_map<kernel::ProcessKey, Root> roots_;
  struct Reading {
    double at = 0;
    std::optional<uint64_t> host_kills;
  };
  std::deque<Reading> readings_;  // of recent samples, oldest first
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_OOM_EVIDENCE_H_

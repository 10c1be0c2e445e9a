// Who belongs to which agent, from one snapshot to the next.
//
// Every live process of the host is remembered by its identity, the few that belong to an agent with their group. Per
// snapshot and in this order:
//   1. presence    who is new, who is gone, who runs another program than before (exec)
//   2. matching    the rules are asked about the new and the exec'd
//   3. placement   parents first: root by its own match, descendant by its parent, orphan by where it came from
//   4. accounting  what each process used since the last snapshot goes to its group's counters
//
// Lineage: a descendant whose parent died stays its agent's, marked as an orphan. A matched process below another agent's tree
// is a root of its own; below the same agent it is an ordinary descendant, and takes over as a root when the wrapper that
// started it ends.
//
// Counters count from the tracker's start: what a process had used before then, or before it was matched, is not
// an agent's.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_TRACKER_H_
#define AGENT_EXPORTER_AGENTS_TRACKER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "agents/agent_group.h"
#include "agents/clock.h"
#include "agents/cpu_accounting.h"
#include "agents/observation.h"
#include "agents/process_facts.h"
#include "agents/rules.h"
#include "kernel/process.h"

namespace agent_exporter {

// One live process. Only what stands under "public" in words is meant for readers: stat, group, role, orphan,
// scope, direct_child.
struct TrackedProcess {
  ProcessStat stat;
  std::shared_ptr<AgentGroup> group;  // null: nobody's
  Role role = Role::kDescendant;
  Scope scope = Scope::kTree;
  bool orphan = false;
  bool direct_child = false;

  // Matching.
  std::optional<Match> match;
  std::shared_ptr<AgentGroup> own_group;  // of `match`
  bool folded = false;
  bool examine = true;

  // Lineage: the group and the parent it was first placed below.
  std::shared_ptr<AgentGroup> lineage;
  pid_t lineage_ppid = 0;

  // Accounting: figures already counted.
  CpuTimes counted_cpu;
  CpuTimes counted_children;
  uint64_t counted_minor_faults = 0;
  uint64_t counted_major_faults = 0;
  ReapDebt debt;

  // Bookkeeping of one update.
  uint64_t seen = 0;
  uint64_t placed = 0;
  size_t order = 0;
  bool is_new = true;
};

class Tracker {
 public:
  struct Options {
    pid_t self_pid = 0;  // always agent="agent_exporter"; 0: nobody
    size_t max_agents = 200;
    double forget_after_seconds = 3600;
    uint64_t start_ticks = 0;  // processes that started later are counted from their birth
  };
  using FactsMaker = std::function<std::unique_ptr<ProcessFacts>(const ProcessStat&)>;
  // Reads a process again; false when it is gone. See ConfirmChildren.
  using Confirm = std::function<bool(ProcessStat*)>;

  Tracker(Options options, RuleSet rules, FactsMaker facts, Confirm confirm);

  // From now on these rules; every process is matched again at the next update. Counters stay.
  void SetRules(RuleSet rules);
  const RuleSet& rules() const { return rules_; }

  // Takes in a snapshot (its rows are moved from). Identities that left since the last one are passed to `gone`.
  void Update(std::vector<ProcessStat>& rows, const ClockReading& now,
              const std::function<void(const TrackedProcess&)>& gone);

  // Live processes that belong to an agent, in no particular order; valid until the next Update.
  const std::vector<TrackedProcess*>& members() const { return members_; }
  const AgentGroupTable& groups() const { return groups_; }
  uint64_t process_count() const { return processes_.size(); }
  uint64_t folded() const { return folded_; }

 private:
  using ProcessMap = absl::node_hash_map<pid_t, TrackedProcess>;

  void NotePresence(std::vector<ProcessStat>& rows);
  void ConfirmChildren();
  void TakeLeave(const std::function<void(const TrackedProcess&)>& gone);
  void MatchChanged(double now);
  void PlaceAll();
  void Place(TrackedProcess& process);
  void Join(TrackedProcess& process, std::shared_ptr<AgentGroup> group, Role role, bool takes_over);
  void Account(TrackedProcess& process);
  // The live parent, or null. A "parent" younger than its child is a stranger with a reused pid.
  TrackedProcess* ParentOf(const TrackedProcess& process);

  Options options_;
  RuleSet rules_;
  FactsMaker facts_;
  Confirm confirm_;
  ProcessMap processes_;
  AgentGroupTable groups_;
  std::vector<TrackedProcess*> members_;
  uint64_t generation_ = 0;
  uint64_t folded_ = 0;
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_AGENTS_TRACKER_H_

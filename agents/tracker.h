// Who belongs to which agent, from one snapshot to the next.
//
// Every live process of the host is remembered by its identity, the few that belong to an agent with their
// group. Per snapshot and in this order:
//   1. presence    who is new, who is gone, who runs another program than before (exec)
//   2. matching    the rules are asked about the new and the exec'd
//   3. placement   parents first: root by its own match, descendant by its parent, orphan by its origin
//   4. accounting  what each process used since the last snapshot goes to its group's counters
//
// Lineage: a descendant whose parent died stays its agent's, marked as an orphan. A matched process below
// another agent's tree is a root of its own; below the same agent it is an ordinary descendant, and takes
// over as a root when the wrapper that started it ends.
//
// Counters count from the tracker's start: what a process had used before then, or before it was matched, is
// not an agent's.
//
// With events (kernel/process_events.h) forks, execs and exits are applied between snapshots: lineage is
// known even of children that no snapshot ever saw, and a snapshot needs to hold the watched processes only
// (Walk::kMembers).
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_TRACKER_H_
#define AGENT_EXPORTER_AGENTS_TRACKER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "agents/agent_group.h"
#include "agents/cpu_accounting.h"
#include "agents/observation.h"
#include "agents/process_facts.h"
#include "agents/rules.h"
#include "base/clock.h"
#include "kernel/process.h"
#include "kernel/process_events.h"

namespace agent_exporter::agents {

// One live process. Only what stands under "public" in words is meant for readers: stat, group, role, orphan,
// scope, direct_child.
struct TrackedProcess {
  kernel::ProcessStat stat;
  std::shared_ptr<AgentGroup> group;  // null: nobody's
  Role role = Role::kDescendant;
  Scope scope = Scope::kTree;
  bool orphan = false;
  bool direct_child = false;

  // Matching.
  std::shared_ptr<const Match> match;     // null: none; most of a host has none
  std::shared_ptr<AgentGroup> own_group;  // of `match`
  bool folded = false;
  bool examine = true;

  // Lineage: the group and the parent it was first placed below.
  std::shared_ptr<AgentGroup> lineage;
  pid_t lineage_ppid = 0;

  // Accounting: figures already counted.
  kernel::CpuTimes counted_cpu;
  kernel::CpuTimes counted_children;
  uint64_t counted_minor_faults = 0;
  uint64_t counted_major_faults = 0;
  ReapDebt debt;
  // Of one that nobody watched waits for: what the events of its end said.
  std::unique_ptr<kernel::LastCpu> last_cpu;
  bool final_cpu = false;  // nothing more will come

  // Events.
  bool told = false;        // the event source tells of it and of what it starts
  uint64_t told_since = 0;  // generation
  bool exited = false;      // its end was told; it may still be a zombie
  bool registered = false;  // a root because somebody says so
  const char* exit_reason = "unknown";

  // Bookkeeping of one update.
  uint64_t seen = 0;
  uint64_t gathered = 0;
  uint64_t placed = 0;
  size_t order = 0;
  bool is_new = true;
};

// A process that is a root because somebody says so (`agent_exporter run`), whatever the rules say.
struct Registration {
  kernel::ProcessKey key;
  Match match;
  // Its parent, a child subreaper: what is found below that and is not registered itself was started by `key`
  // or what `key` started, and belongs to the same agent. {}: none. `helper` is another child of its own.
  kernel::ProcessKey reaper;
  pid_t helper = 0;
};

// How a process ended, told by whoever waited for it.
struct NotedExit {
  kernel::ProcessKey key;
  int status = 0;  // as wait(2)
  bool self_killed = false;
  uint64_t max_resident_bytes = 0;  // 0: not known
};

// What a snapshot covers.
enum class Walk {
  kFull,     // every process there is
  kMembers,  // those that Tracker::KeysToRead asked for
};

class Tracker {
 public:
  struct Options {
    pid_t self_pid = 0;  // always agent="agent_exporter"; 0: nobody
    size_t max_agents = 200;
    double forget_after_seconds = 3600;
    uint64_t start_ticks = 0;  // processes that started later are counted from their birth
  };
  using FactsMaker = std::function<std::unique_ptr<ProcessFacts>(const kernel::ProcessStat&)>;
  // Reads a process again; false when it is gone. See ConfirmChildren.
  using Confirm = std::function<bool(kernel::ProcessStat*)>;

  Tracker(Options options, RuleSet rules, FactsMaker facts, Confirm confirm);

  // From now on these rules; every process is matched again at the next update. Counters stay.
  void SetRules(RuleSet rules);
  const RuleSet& rules() const { return rules_; }

  // From the next update on a root; forgotten when it is gone. Registering the same key again replaces it.
  void Register(Registration registration);
  // Before ApplyEvents: what its parent knows is more than the events tell. False: no such member (yet).
  bool NoteExit(const NotedExit& exit);

  // Takes in what happened since the last update, in order. Call before Update.
  void ApplyEvents(const std::vector<kernel::ProcessEvent>& events);

  // Whom a Walk::kMembers snapshot must hold: the members, parents before children, and who ran execve since.
  std::vector<kernel::ProcessKey> KeysToRead() const;

  // Takes in a snapshot (its rows are moved from). Identities that left since the last one are passed to
  // `gone`.
  void Update(std::vector<kernel::ProcessStat>& rows, Walk walk, const base::ClockReading& now,
              const std::function<void(const TrackedProcess&)>& gone);

  // Members that the event source must be asked to tell of; they count as told from here on. Those whose
  // parent's events were told, so that their fork should have been, are added to *disagreements.
  std::vector<kernel::ProcessKey> TakeUntold(uint64_t* disagreements);

  // Live processes that belong to an agent, in no particular order; valid until the next Update.
  const std::vector<TrackedProcess*>& members() const { return members_; }
  const AgentGroupTable& groups() const { return groups_; }
  uint64_t process_count() const { return processes_.size(); }
  uint64_t folded() const { return folded_; }

 private:
  using ProcessMap = absl::node_hash_map<pid_t, TrackedProcess>;

  struct Registered {
    Registration registration;
    std::shared_ptr<AgentGroup> group;  // null: not seen yet
    uint64_t since = 0;                 // generation
    bool gone = false;
  };

  // A member that is gone although its end was not told yet.
  struct Departed {
    kernel::ProcessKey key;
    std::shared_ptr<AgentGroup> group;
    Role role = Role::kDescendant;
    Scope scope = Scope::kTree;
    std::string comm;
    kernel::CpuTimes counted_cpu;
    kernel::CpuTimes counted_children;
    kernel::ProcessKey ancestor;  // who may have waited for it
    bool by_parent = false;       // that is its parent, not one further up
    kernel::CpuTimes owed;        // by that ancestor
    bool exited = false;
    const char* exit_reason = "unknown";
    std::optional<kernel::CpuTimes> last_cpu;  // as of its exit, until the final figure is told
    uint64_t since = 0;                        // generation
  };

  void NotePresence(std::vector<kernel::ProcessStat>& rows);
  // Moves the process that had this pid aside, so that a stranger can take its place; it leaves at the next
  // update.
  void SetAside(TrackedProcess& process);
  void Gather(Walk walk);
  void ConfirmChildren();
  void TakeLeave(Walk walk, const std::function<void(const TrackedProcess&)>& gone);
  void LetGo(TrackedProcess& process);
  void NoteLastCpu(const kernel::ProcessKey& key, const kernel::LastCpu& cpu, bool final);
  void AccountLastChildren(TrackedProcess& process);
  void AccountLastCpu(Departed& departed, const kernel::CpuTimes& cpu);
  template <typename Process>  // TrackedProcess or Departed
  void TakeExit(Process& process, const kernel::ProcessKey& key, const std::string& comm,
                const NotedExit& exit);
  Registered* FindRegistered(const kernel::ProcessKey& key);
  void AdoptBelowReaper(TrackedProcess& process);
  void ForgetRegistered();
  void ForgetDeparted();
  void ApplyFork(const kernel::ProcessEvent& event);
  void ApplyExit(const kernel::ProcessEvent& event);
  TrackedProcess* FindMember(const kernel::ProcessKey& key);
  Departed* FindDeparted(const kernel::ProcessKey& key);
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
  std::vector<TrackedProcess*> current_;   // whom this update is about
  std::vector<kernel::ProcessKey> execs_;  // no members; to be looked at next time
  absl::flat_hash_map<kernel::ProcessKey, Departed> departed_;
  std::vector<Registered> registered_;  // a handful
  bool events_ = false;                 // some were applied: exits are told
  pid_t next_aside_ = -1;
  uint64_t generation_ = 0;
  uint64_t folded_ = 0;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_TRACKER_H_

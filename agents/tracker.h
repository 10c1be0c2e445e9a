// Tracks which process belongs to which agent, from one snapshot to the next.
//
// It keeps every live process of the host by its identity, and the group of those that belong to an agent.
// For each snapshot it does these steps in order:
//   1. presence    finds new, ended and exec'd processes
//   2. matching    matches new and exec'd processes against the rules
//   3. placement   parents first: a root by its match, a descendant by its parent, an orphan by its origin
//   4. accounting  adds what each process used since the last snapshot to its group's counters
//
// Lineage: a descendant whose parent died stays with its agent and is marked as an orphan. A matching process
// in another agent's tree is a root of its own agent. In the tree of the same agent it is an ordinary
// descendant, and becomes a root when the wrapper that started it ends.
//
// Counters start with the tracker: what a process used before that, or before it matched, does not count for
// the agent.
//
// A process is matched once per execve: a new name never removes a live root.
//
// With events (kernel/process_events.h) forks, execs and exits are applied between snapshots. Then the
// lineage is known even of children that no snapshot saw, and a snapshot needs only the watched processes
// (Walk::kMembers). If exec events include the program, even agents that no snapshot saw are recognised.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_TRACKER_H_
#define AGENT_EXPORTER_AGENTS_TRACKER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/types/span.h"
#include "agents/agent_group.h"
#include "agents/cpu_accounting.h"
#include "agents/observation.h"
#include "agents/process_facts.h"
#include "agents/remembered.h"
#include "agents/rules.h"
#include "base/clock.h"
#include "kernel/process.h"
#include "kernel/process_events.h"

namespace agent_exporter::agents {

// What the end of a root means; see agents/instance.cc.
enum class Part {
  kInstance,  // an instance ended
  kProgram,   // the program below a wrapper ended
  kWrapper,   // a wrapper ended, and its program takes its place
};

// One live process. Readers use only stat, group, role, orphan, scope and direct_child; the rest is internal.
struct TrackedProcess {
  kernel::ProcessStat stat;
  std::shared_ptr<AgentGroup> group;  // null: belongs to no agent
  Role role = Role::kDescendant;
  Scope scope = Scope::kTree;
  bool orphan = false;
  bool direct_child = false;
  bool inner =
      false;  // a root that is the agent's program directly below its wrapper; the two are one instance

  // Matching.
  std::shared_ptr<const Match> match;     // null: none, as for most processes
  std::shared_ptr<AgentGroup> own_group;  // of `match`
  bool folded = false;
  bool examine = true;
  bool may_keep = false;  // no execve was seen, so `match` stays even if no rule matches now
  std::shared_ptr<const Match>
      adopter;  // the agent that adopts it if it is in no tree; null: none (agents/adoption.h)

  // agents/command_name.h; empty: unknown, because the process has run execve since the last sample or its
  // command line cannot be read.
  std::string command;
  double first_seen = 0;       // by a sample, in monotonic seconds
  bool start_counted = false;  // the start of `command` was counted

  // Lineage: the group and the parent below which it was first placed.
  std::shared_ptr<AgentGroup> lineage;
  pid_t lineage_ppid = 0;

  // Accounting: figures already counted.
  kernel::CpuTimes counted_cpu;
  kernel::CpuTimes counted_children;
  kernel::CpuTimes accounted;  // counted for its group: its own, and that of members below it that are gone
  uint64_t counted_minor_faults = 0;
  uint64_t counted_major_faults = 0;
  ReapDebt debt;
  // CPU from its exit events, if no watched process waits for it.
  std::unique_ptr<kernel::LastCpu> last_cpu;
  bool final_cpu = false;  // `last_cpu` is final

  // Events.
  bool by_event = false;       // an event reported it before a snapshot did
  bool tracked = false;        // the event source reports it and its descendants
  uint64_t tracked_since = 0;  // generation
  bool exited = false;         // its exit event came; it may still be a zombie
  bool registered = false;     // a root because somebody says so
  const char* exit_reason = "unknown";

  // Instances.
  kernel::ProcessKey wrapper;             // if this is an inner root
  kernel::ProcessKey program;             // if this is a wrapper
  uint64_t lost_program = 0;              // generation in which the wrapper's program ended; 0: it runs
  std::unique_ptr<RootExit> program_end;  // the end of that program, once reported
  std::optional<Part> part;               // if this is an ended root

  // Bookkeeping of one update.
  uint64_t seen = 0;
  uint64_t gathered = 0;
  uint64_t placed = 0;
  size_t order = 0;
  bool is_new = true;
};

// A process that was registered as a root (`agent_exporter run`), regardless of the rules.
struct Registration {
  kernel::ProcessKey key;
  Match match;
  // Its parent if that is a child subreaper; {} otherwise. Unregistered processes below the reaper were
  // started by `key` or its descendants, and belong to the same agent. `helper` is another child of the
  // reaper.
  kernel::ProcessKey reaper;
  pid_t helper = 0;
};

// How a process ended, as reported by the process that waited for it.
struct ReportedExit {
  kernel::ProcessKey key;
  int status = 0;  // as wait(2)
  bool self_killed = false;
  uint64_t max_resident_bytes = 0;  // 0: unknown
};

// What a snapshot covers.
enum class Walk {
  kFull,     // every process of the host
  kMembers,  // the processes of Tracker::KeysToRead
};

class Tracker {
 public:
  struct Options {
    pid_t self_pid = 0;  // always agent="agent_exporter"; 0: none
    size_t max_agents = 200;
    double forget_after_seconds = 3600;
    uint64_t start_ticks = 0;  // processes that started later are counted from their start
  };
  // `program`: from the execve's event; null: unknown.
  using FactsMaker = std::function<std::unique_ptr<ProcessFacts>(
      const kernel::ProcessStat&, const std::shared_ptr<const kernel::Program>& program)>;
  // Reads a process again; false if it is gone. See ConfirmChildren.
  using Confirm = std::function<bool(kernel::ProcessStat*)>;

  Tracker(Options options, RuleSet rules, FactsMaker facts, Confirm confirm);

  // Replaces the rules; the next update matches every process again. Counters are kept.
  void SetRules(RuleSet rules);
  const RuleSet& rules() const { return rules_; }

  // Sets the current panes. From the next update on, those that a rule adopts belong to its agent.
  void SetPanes(std::vector<SessionPane> panes) { panes_ = std::move(panes); }

  // Makes a process a root from the next update on, until it is gone. Registering the same key again replaces
  // the registration.
  void Register(Registration registration);
  // Call after ApplyEvents, which knows the order of events. False: no such member (yet).
  bool RecordExit(const ReportedExit& exit);

  // Applies the events since the last update, in order. Call before Update. `reported`: exits that parents
  // reported, which say more than the events.
  void ApplyEvents(const std::vector<kernel::ProcessEvent>& events,
                   absl::Span<const ReportedExit> reported = {});

  // The processes that a Walk::kMembers snapshot must contain: the members, parents before children, and
  // processes that ran execve since.
  std::vector<kernel::ProcessKey> KeysToRead() const;

  // The state that another tracker can restore after a restart of the exporter, sorted by key.
  std::vector<Remembered> Memory() const;
  // Restores Memory(). Call before the first Update.
  void Remember(std::vector<Remembered> memory);

  // Applies a snapshot, whose rows are moved from. Calls `gone` for each process that ended since the last
  // one.
  void Update(std::vector<kernel::ProcessStat>& rows, Walk walk, const base::ClockReading& now,
              const std::function<void(const TrackedProcess&)>& gone);

  // Returns the members that the event source must track, and marks them as tracked. Adds to *disagreements
  // the number of those whose fork should have been reported, because their parent was tracked.
  std::vector<kernel::ProcessKey> TakeUntracked(uint64_t* disagreements);

  // Live processes that belong to an agent, unsorted; valid until the next Update.
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

  // A member that is gone but whose exit event has not come yet.
  struct Departed {
    kernel::ProcessKey key;
    std::shared_ptr<AgentGroup> group;
    Role role = Role::kDescendant;
    Scope scope = Scope::kTree;
    std::string comm;
    std::string command;
    bool start_counted = false;
    kernel::CpuTimes counted_cpu;
    kernel::CpuTimes counted_children;
    kernel::ProcessKey heir;      // the process whose `accounted` gets CPU that is reported later
    kernel::ProcessKey ancestor;  // the process that may have waited for it
    bool by_parent = false;       // the ancestor is its parent
    kernel::CpuTimes owed;        // what `ancestor` owes
    bool exited = false;
    Part part = Part::kInstance;  // of a root
    kernel::ProcessKey wrapper;
    std::unique_ptr<RootExit> program_end;
    const char* exit_reason = "unknown";
    std::optional<kernel::CpuTimes> last_cpu;  // as of its exit, until the final figure comes
    uint64_t since = 0;                        // generation
  };

  void ConfigureGroups();
  void UpdatePresence(std::vector<kernel::ProcessStat>& rows);
  void Restore(TrackedProcess& process);
  static bool IsRoot(const TrackedProcess& process) {
    return process.group != nullptr && process.role == Role::kRoot;
  }
  void DetectExec(TrackedProcess& process, kernel::ProcessStat& row);
  // Moves the previous process with this pid aside, so that the new one can take its place. The next update
  // removes it.
  void SetAside(TrackedProcess& process);
  void Gather(Walk walk);
  void ConfirmChildren();
  void RemoveGone(Walk walk, const std::function<void(const TrackedProcess&)>& gone);
  void Depart(TrackedProcess& process);
  TrackedProcess* FindHeir(const TrackedProcess& process);
  void PassToHeir(const TrackedProcess& process);
  // False: no such member, not even a recent one.
  bool RecordLastCpu(const kernel::ProcessKey& key, const kernel::LastCpu& cpu, bool final);
  void AccountLastChildren(TrackedProcess& process);
  void AccountLastCpu(Departed& departed, const kernel::CpuTimes& cpu);
  void AddTo(const kernel::ProcessKey& heir, const kernel::CpuTimes& cpu);
  template <typename Process>  // TrackedProcess or Departed
  void ApplyExitTo(Process& process, const kernel::ProcessKey& key, const std::string& comm,
                   const ReportedExit& exit);
  template <typename Process>  // TrackedProcess or Departed
  static void CountCommandEnd(Process& process, const std::string& comm, bool waited_for,
                              const kernel::ProcessEvent& event);
  Registered* FindRegistered(const kernel::ProcessKey& key);
  void AdoptBelowReaper(TrackedProcess& process);
  void ForgetRegistered();
  void ForgetDeparted();
  void ApplyEvent(const kernel::ProcessEvent& event, absl::Span<const ReportedExit> reported);
  void ApplyFork(const kernel::ProcessEvent& event);
  bool HasExecuted(pid_t pid) const;
  void ApplyExec(const kernel::ProcessEvent& event);
  void ApplyExit(const kernel::ProcessEvent& event, absl::Span<const ReportedExit> reported);
  void KeepUnclaimed(const kernel::ProcessEvent& event);
  void ForgetUnclaimed();
  TrackedProcess* FindMember(const kernel::ProcessKey& key);
  Departed* FindDeparted(const kernel::ProcessKey& key);
  void MatchChanged();
  void NameCommand(TrackedProcess& process, const std::shared_ptr<const kernel::Program>& program);
  void CountStart(TrackedProcess& process);
  void Examine(TrackedProcess& process, const std::shared_ptr<const kernel::Program>& program);
  void ExamineAll(const RuleSet& before);
  void AdoptPanes();
  void PlaceAll();
  void Place(TrackedProcess& process);
  struct Joining {
    Role role = Role::kDescendant;
    bool takes_over = false;
    bool was_inner = false;
  };
  void Join(TrackedProcess& process, std::shared_ptr<AgentGroup> group, const Joining& how);
  static bool IsProgramOf(const TrackedProcess& process, const TrackedProcess* wrapper);
  static void BecomeProgramOf(TrackedProcess& process, TrackedProcess& wrapper);
  void LeaveWrapper(const TrackedProcess& process);
  // Call when a root has ended: makes room for its successor and returns what its end means. Later calls
  // return the same.
  Part Vacate(TrackedProcess& root);
  Part PartOf(TrackedProcess& process) { return Vacate(process); }
  static Part PartOf(const Departed& departed) { return departed.part; }
  template <typename Process>  // TrackedProcess or Departed
  void RecordRootEnd(Process& process, RootExit end);
  void RecordProgramEnd(const kernel::ProcessKey& wrapper, const std::shared_ptr<AgentGroup>& group,
                        RootExit end);
  void ForgetPrograms();
  void Account(TrackedProcess& process);
  // The live parent, or null. A "parent" younger than its child is another process that reused the pid.
  TrackedProcess* ParentOf(const TrackedProcess& process);

  Options options_;
  RuleSet rules_;
  FactsMaker facts_;
  Confirm confirm_;
  ProcessMap processes_;
  AgentGroupTable groups_;
  std::vector<TrackedProcess*> members_;
  std::vector<TrackedProcess*> current_;   // the processes of this update
  std::vector<kernel::ProcessKey> execs_;  // non-members to read in the next snapshot
  absl::flat_hash_map<kernel::ProcessKey, Departed> departed_;
  absl::node_hash_map<pid_t, Registered> registered_;
  std::vector<SessionPane> panes_;
  bool events_ = false;   // events were applied, so exits are reported
  bool leaving_ = false;  // processes that this update did not see are gone
  pid_t next_aside_ = -1;
  absl::flat_hash_map<kernel::ProcessKey, Remembered> remembered_;  // until the first update
  // Recent events of unwatched processes, with their generation, in case one of them turns out to be an
  // agent.
  std::vector<std::pair<uint64_t, kernel::ProcessEvent>> unclaimed_;
  bool claim_ = false;  // `unclaimed_` may contain events of new members
  double now_ = 0;      // monotonic seconds of the last update
  uint64_t generation_ = 0;
  uint64_t folded_ = 0;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_TRACKER_H_

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
// The match of a process is decided once for each execve: a new name never drops a live root.
//
// With events (kernel/process_events.h) forks, execs and exits are applied between snapshots: lineage is
// known even of children that no snapshot ever saw, and a snapshot needs to hold the watched processes only
// (Walk::kMembers). Where an exec is told with its program, an agent that no snapshot ever saw is known, too.
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
  kProgram,   // the program in a wrapper ended
  kWrapper,   // a wrapper ended, whose program takes its place
};

// One live process. Only what stands under "public" in words is meant for readers: stat, group, role, orphan,
// scope, direct_child.
struct TrackedProcess {
  kernel::ProcessStat stat;
  std::shared_ptr<AgentGroup> group;  // null: nobody's
  Role role = Role::kDescendant;
  Scope scope = Scope::kTree;
  bool orphan = false;
  bool direct_child = false;
  bool inner = false;  // a root, the agent's program directly below its wrapper: one instance with that

  // Matching.
  std::shared_ptr<const Match> match;     // null: none; most of a host has none
  std::shared_ptr<AgentGroup> own_group;  // of `match`
  bool folded = false;
  bool examine = true;
  bool may_keep = false;                 // no execve was seen: `match` stays if no rule matches now
  std::shared_ptr<const Match> adopter;  // whose it is outside all trees; null: nobody's (agents/adoption.h)

  // agents/command_name.h; empty: not known, of a process that has run another program since the last look
  // or whose command line the kernel does not tell.
  std::string command;
  bool start_counted = false;  // of that command

  // Lineage: the group and the parent it was first placed below.
  std::shared_ptr<AgentGroup> lineage;
  pid_t lineage_ppid = 0;

  // Accounting: figures already counted.
  kernel::CpuTimes counted_cpu;
  kernel::CpuTimes counted_children;
  kernel::CpuTimes accounted;  // to its group, for it and for members below it that are gone
  uint64_t counted_minor_faults = 0;
  uint64_t counted_major_faults = 0;
  ReapDebt debt;
  // Of one that nobody watched waits for: what the events of its end said.
  std::unique_ptr<kernel::LastCpu> last_cpu;
  bool final_cpu = false;  // nothing more will come

  // Events.
  bool by_event = false;    // an event was there before the first look at it
  bool told = false;        // the event source tells of it and of what it starts
  uint64_t told_since = 0;  // generation
  bool exited = false;      // its end was told; it may still be a zombie
  bool registered = false;  // a root because somebody says so
  const char* exit_reason = "unknown";

  // Instances.
  kernel::ProcessKey wrapper;             // of an inner one
  kernel::ProcessKey program;             // of a wrapper
  uint64_t lost_program = 0;              // generation in which a wrapper's program ended; 0: it did not
  std::unique_ptr<RootExit> program_end;  // that program's, once told
  std::optional<Part> part;               // of a root that has ended

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
  // `program`: what the execve told; null: not known.
  using FactsMaker = std::function<std::unique_ptr<ProcessFacts>(
      const kernel::ProcessStat&, const std::shared_ptr<const kernel::Program>& program)>;
  // Reads a process again; false when it is gone. See ConfirmChildren.
  using Confirm = std::function<bool(kernel::ProcessStat*)>;

  Tracker(Options options, RuleSet rules, FactsMaker facts, Confirm confirm);

  // From now on these rules; every process is matched again at the next update. Counters stay.
  void SetRules(RuleSet rules);
  const RuleSet& rules() const { return rules_; }

  // The panes there are now. Those that a rule adopts belong to its agent from the next update on.
  void SetPanes(std::vector<SessionPane> panes) { panes_ = std::move(panes); }

  // From the next update on a root; forgotten when it is gone. Registering the same key again replaces it.
  void Register(Registration registration);
  // After ApplyEvents, which knows in what order things happened. False: no such member (yet).
  bool NoteExit(const NotedExit& exit);

  // Takes in what happened since the last update, in order. Call before Update. `noted`: exits that are known
  // by their parents as well, who know more than the events tell.
  void ApplyEvents(const std::vector<kernel::ProcessEvent>& events, absl::Span<const NotedExit> noted = {});

  // Whom a Walk::kMembers snapshot must hold: the members, parents before children, and who ran execve since.
  std::vector<kernel::ProcessKey> KeysToRead() const;

  // What another tracker can take up after a restart of the exporter, in the order of its keys.
  std::vector<Remembered> Memory() const;
  // Before the first Update.
  void Remember(std::vector<Remembered> memory);

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
    std::string command;
    bool start_counted = false;
    kernel::CpuTimes counted_cpu;
    kernel::CpuTimes counted_children;
    kernel::ProcessKey heir;      // whose `accounted` what is still to come goes to
    kernel::ProcessKey ancestor;  // who may have waited for it
    bool by_parent = false;       // that is its parent, not one further up
    kernel::CpuTimes owed;        // by that ancestor
    bool exited = false;
    Part part = Part::kInstance;  // of a root
    kernel::ProcessKey wrapper;
    std::unique_ptr<RootExit> program_end;
    const char* exit_reason = "unknown";
    std::optional<kernel::CpuTimes> last_cpu;  // as of its exit, until the final figure is told
    uint64_t since = 0;                        // generation
  };

  void ConfigureGroups();
  void NotePresence(std::vector<kernel::ProcessStat>& rows);
  void Recall(TrackedProcess& process);
  static bool IsRoot(const TrackedProcess& process) {
    return process.group != nullptr && process.role == Role::kRoot;
  }
  void NoteExec(TrackedProcess& process, kernel::ProcessStat& row);
  // Moves the process that had this pid aside, so that a stranger can take its place; it leaves at the next
  // update.
  void SetAside(TrackedProcess& process);
  void Gather(Walk walk);
  void ConfirmChildren();
  void TakeLeave(Walk walk, const std::function<void(const TrackedProcess&)>& gone);
  void LetGo(TrackedProcess& process);
  TrackedProcess* HeirOf(const TrackedProcess& process);
  void Bequeath(const TrackedProcess& process);
  // False: no such member, not even of late.
  bool NoteLastCpu(const kernel::ProcessKey& key, const kernel::LastCpu& cpu, bool final);
  void AccountLastChildren(TrackedProcess& process);
  void AccountLastCpu(Departed& departed, const kernel::CpuTimes& cpu);
  void AddTo(const kernel::ProcessKey& heir, const kernel::CpuTimes& cpu);
  template <typename Process>  // TrackedProcess or Departed
  void TakeExit(Process& process, const kernel::ProcessKey& key, const std::string& comm,
                const NotedExit& exit);
  template <typename Process>  // TrackedProcess or Departed
  static void CountCommandEnd(Process& process, bool waited_for, const kernel::ProcessEvent& event);
  Registered* FindRegistered(const kernel::ProcessKey& key);
  void AdoptBelowReaper(TrackedProcess& process);
  void ForgetRegistered();
  void ForgetDeparted();
  void ApplyEvent(const kernel::ProcessEvent& event, absl::Span<const NotedExit> noted);
  void ApplyFork(const kernel::ProcessEvent& event);
  void ApplyExec(const kernel::ProcessEvent& event);
  void ApplyExit(const kernel::ProcessEvent& event, absl::Span<const NotedExit> noted);
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
  // A root has ended: makes room for its successor and says what its end means. The same answer ever after.
  Part Vacate(TrackedProcess& root);
  Part PartOf(TrackedProcess& process) { return Vacate(process); }
  static Part PartOf(const Departed& departed) { return departed.part; }
  template <typename Process>  // TrackedProcess or Departed
  void TellEnd(Process& process, RootExit end);
  void TellProgramsEnd(const kernel::ProcessKey& wrapper, const std::shared_ptr<AgentGroup>& group,
                       RootExit end);
  void ForgetPrograms();
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
  std::vector<SessionPane> panes_;
  bool events_ = false;   // some were applied: exits are told
  bool leaving_ = false;  // whoever this update did not see is gone
  pid_t next_aside_ = -1;
  absl::flat_hash_map<kernel::ProcessKey, Remembered> remembered_;  // until the first update
  // With the generation: what strangers did of late, should one of them turn out to be an agent.
  std::vector<std::pair<uint64_t, kernel::ProcessEvent>> unclaimed_;
  bool claim_ = false;  // there are members that `unclaimed_` may be about
  double now_ = 0;      // monotonic seconds of the last update
  uint64_t generation_ = 0;
  uint64_t folded_ = 0;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_TRACKER_H_

// The state of the host and its agents at one instant, from which all output is made.
//
// An Observation is made by the sampler's thread, never changed afterwards, and handed out as
// std::shared_ptr<const Observation>. Collectors, status, traits and the page are pure functions of it.
//
// Units: bytes, nanoseconds (CPU), seconds (ages and timestamps). An empty optional means that the value
// could not be read; it is shown as a missing sample.
//
// Thread safety: immutable, so any number of readers.

#ifndef AGENT_EXPORTER_AGENTS_OBSERVATION_H_
#define AGENT_EXPORTER_AGENTS_OBSERVATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/command_book.h"
#include "agents/exit_category.h"
#include "agents/match_reason.h"
#include "kernel/descriptor_kinds.h"
#include "kernel/host.h"
#include "kernel/process.h"
#include "kernel/unreadable.h"

namespace agent_exporter::agents {

enum class Role {
  kRoot,        // matched a rule
  kDescendant,  // below a root, now or earlier
};

// One watched process.
struct ProcessSample {
  kernel::ProcessKey key;
  pid_t ppid = 0;
  pid_t session = 0;  // pid of the session's leader, living or not
  std::string comm;   // raw bytes
  // The name of its program file if comm is "MainThread", as in Node 24; otherwise empty.
  std::string program;
  std::string command;  // agents/command_name.h
  Role role = Role::kDescendant;
  // A root that is the agent's own program directly below its wrapper; the two are one instance.
  bool inner = false;
  bool direct_child = false;  // its parent is a live root of the same agent
  bool orphan = false;        // its parent died, so it was reparented
  char state = '?';
  uint32_t threads = 0;
  kernel::CpuTimes cpu;
  kernel::CpuTimes children_cpu;  // of waited-for children, including their own
  // Its share of the agent's counters: its own CPU, that of children it waited for, and the shares of members
  // below it that have ended. Only rises.
  kernel::CpuTimes counted_cpu;
  double age_seconds = 0;
  // Cores in use over the sampler's last tick, 1.0 = one full core; 0 in a process' first tick.
  double cpu_ratio = 0;
  kernel::ProcessUsage usage;
  kernel::ProcessLimits limits;
  bool limits_known = false;
  // Its open descriptors by kind; null unless its agent is close to their limit (agents/descriptor_look.h).
  std::shared_ptr<const kernel::DescriptorKinds> descriptors;
  std::shared_ptr<const MatchReason> reason;  // of roots; otherwise null
};

// A limit and its use; agents/limits.h says what counts against each limit.
struct ResourceUse {
  enum class Scope { kSelf, kTree };
  enum class Resource { kFds, kMemory, kPids, kInotifyInstances, kInotifyWatches, kPtys };
  enum class Source { kRlimit, kCgroup, kCgroupAncestor, kCgroupHigh, kCgroupSwap, kV8Heap, kHost };
  Scope scope = Scope::kSelf;
  Resource resource = Resource::kFds;
  Source source = Source::kHost;
  uint64_t used = 0;
  uint64_t limit = 0;
  kernel::ProcessKey holder;  // the process that uses it; 0, 0: the whole agent, or a control group
  uint64_t series = 0;        // identifies one of several figures of a holder: which measure, which group
  double ratio() const { return limit == 0 ? 0 : static_cast<double>(used) / static_cast<double>(limit); }
};

struct GrownCommand {
  std::string command;
  uint64_t bytes = 0;  // of resident memory, more than before
};

// A figure has been growing towards its limit; leaks/leak_detector.h describes how this is detected.
struct LeakEvidence {
  ResourceUse::Scope scope = ResourceUse::Scope::kSelf;
  ResourceUse::Resource resource = ResourceUse::Resource::kFds;
  bool page = false;  // needs attention now; false: in working hours
  // Robust slope of the floor, in units of `used` per second.
  double growth_per_second = 0;
  double seconds_to_limit = 0;       // at that slope
  double evidence_span_seconds = 0;  // how long the floor has been rising
  ResourceUse use;                   // the growing figure and its holder
  // Of a tree's memory: the command whose processes have grown most in that span. Empty if unknown.
  std::optional<GrownCommand> grown;
};

// Sums that never fall while the exporter runs, whichever processes join or leave.
struct AgentCounters {
  kernel::CpuTimes self_cpu;
  kernel::CpuTimes descendants_cpu;
  uint64_t descendants_started = 0;
  std::map<std::string, uint64_t>
      descendants_exited;  // by reason: ok, error, signal, oom; unknown without events
  uint64_t restarts = 0;
  uint64_t oom_kills = 0;
  uint64_t minor_faults = 0;
  uint64_t major_faults = 0;
  struct Io {
    uint64_t read_bytes = 0;
    uint64_t write_bytes = 0;
  };
  Io self_io;  // roots
  Io tree_io;  // roots and all processes below
  uint64_t voluntary_switches = 0, involuntary_switches = 0;
  std::map<ExitCategory, uint64_t> exits;  // of roots
};

// The newest end of a root of one agent.
struct LastExit {
  double wall_seconds = 0;  // of the sample that noticed it
  std::map<ResourceUse::Resource, double>
      used_ratio;  // of the tightest limits, in the last sample that saw it alive
};

// One agent: all live processes of one name (and kind and slot, if the rule sets them).
struct AgentSample {
  std::string name;
  std::string kind;
  std::string slot;
  bool configured = false;  // named in the configuration, or by a template there: shown even if nothing runs
  std::vector<ProcessSample> processes;  // roots first, oldest first
  AgentCounters counters;
  std::vector<CommandUse> commands;  // of its descendants, including ended ones, since the exporter started
  // Cores in use over the sampler's last tick, from the rise of the counters. Unlike a parent's cpu_ratio,
  // this includes children that lived and died within the tick. 0 in an agent's first tick.
  double self_cpu_ratio = 0, tree_cpu_ratio = 0;
  // The maximum over all samples of the last 60 s.
  std::optional<uint64_t> self_resident_max, self_open_fds_max, descendants_max;
  std::vector<ResourceUse> resources;  // the tightest limit of each scope and resource
  // Every figure that has a limit: of each root, of each process above a tenth of its limit, of each control
  // group and of the tree.
  std::vector<ResourceUse> holdings;
  std::vector<LeakEvidence> leaks;               // as of the last tick: at most one per scope and resource
  std::optional<uint64_t> cgroup_pids_headroom;  // tasks left under the tightest pids.max of its roots
  std::optional<LastExit> last_exit;
  std::vector<RootExit> ended;  // roots whose end was noticed in the last ten seconds, at most 64
};

struct Observation {
  double wall_seconds = 0;              // since the epoch
  double monotonic_seconds = 0;         // CLOCK_MONOTONIC
  double boot_time_seconds = 0;         // since the epoch; process start times count from here
  double clock_ticks = 100;             // CLK_TCK, the unit of ProcessKey::start_ticks
  std::string process_source;           // procfs or bpf
  std::string process_events;           // bpf, netlink or none
  std::optional<uint64_t> events_lost;  // with events
  std::optional<uint64_t>
      tracking_disagreements;  // with events: processes that full walks found but events had missed
  pid_t self_pid = 0;          // the exporter itself
  kernel::HostSample host;
  std::vector<AgentSample> agents;  // by name, kind, slot
  uint64_t agents_folded = 0;       // distinct names beyond the cap, shown as agent="other"
  kernel::Unreadable::Counts unreadable;

  double StartTimeSeconds(const kernel::ProcessKey& key) const {
    return boot_time_seconds + static_cast<double>(key.start_ticks) / clock_ticks;
  }
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_OBSERVATION_H_

// Tracker's steps 3 and 4: placing each process and accounting for its CPU.

#include <algorithm>
#include <utility>
#include <vector>

#include "agents/command_name.h"
#include "agents/tracker.h"

namespace agent_exporter::agents {
namespace {

kernel::CpuTimes Max(const kernel::CpuTimes& a, const kernel::CpuTimes& b) {
  return {std::max(a.user_ns, b.user_ns), std::max(a.system_ns, b.system_ns)};
}

uint64_t TakeRise(uint64_t now, uint64_t& counted) {
  const uint64_t rise = now > counted ? now - counted : 0;
  counted = std::max(counted, now);
  return rise;
}

// The command of a sampled process; if the command line is not enough, its comm decides.
std::string CommandOf(const TrackedProcess& process) {
  return process.command.empty() ? CommandName({}, "", process.stat.comm) : process.command;
}

}  // namespace

void Tracker::PlaceAll() {
  // Places parents before children, without recursion, because a chain of processes may be as deep as
  // pid_max.
  std::vector<TrackedProcess*> chain;
  for (TrackedProcess* process : current_) {
    for (TrackedProcess* at = process; at != nullptr && at->placed != generation_; at = ParentOf(*at)) {
      at->placed = generation_;  // set on the way up, so that a cycle in an inconsistent snapshot ends
      chain.push_back(at);
    }
    for (; !chain.empty(); chain.pop_back()) Place(*chain.back());
  }
}

void Tracker::Place(TrackedProcess& process) {
  if (process.part) return;  // an ended root keeps its place until it is reaped
  AdoptBelowReaper(process);
  TrackedProcess* const parent = ParentOf(process);
  const AgentGroup* parent_group =
      parent != nullptr && parent->scope == Scope::kTree ? parent->group.get() : nullptr;
  const bool reparented = process.lineage != nullptr && process.stat.ppid != process.lineage_ppid;

  std::shared_ptr<AgentGroup> inherited;
  if (reparented) {
    inherited = process.lineage;
  } else if (parent_group != nullptr) {
    inherited = parent->group;
    process.lineage = inherited;
    process.lineage_ppid = process.stat.ppid;
  } else if (process.adopter != nullptr) {
    inherited = groups_.Get(*process.adopter, now_, &process.folded);
    process.lineage = inherited;
    process.lineage_ppid = process.stat.ppid;
  } else {
    process.lineage.reset();  // its parent lives and belongs to no agent
  }

  // A wrapper's program takes the wrapper's place once the wrapper is gone, and keeps it. While the root
  // lives, a double-forked copy of it is an ordinary orphan.
  const bool was_inner = std::exchange(process.inner, false);
  const bool is_root = process.role == Role::kRoot && process.group == process.own_group;
  const bool takes_over = reparented && process.own_group == inherited && parent_group != inherited.get() &&
                          (is_root || inherited->lost_roots > 0);
  const bool bound = inherited != nullptr && inherited->whole_tree && !process.registered;
  if (process.own_group != nullptr && ((process.own_group != inherited && !bound) || takes_over)) {
    process.scope = process.match->scope;
    process.orphan = false;
    Join(process, process.own_group, {Role::kRoot, takes_over, was_inner});
  } else if (!reparented && IsProgramOf(process, parent)) {
    process.scope = Scope::kTree;
    process.orphan = false;
    process.inner = true;
    BecomeProgramOf(process, *parent);
    Join(process, std::move(inherited), {Role::kRoot, false, was_inner});
  } else {
    process.scope = Scope::kTree;
    // A tmux server is reparented by design, so it is not an orphan.
    process.orphan = reparented && !process.stat.comm.starts_with("tmux: server");
    Join(process, std::move(inherited), {Role::kDescendant, false, was_inner});
  }
  if (was_inner && !process.inner) LeaveWrapper(process);
  process.direct_child = process.role == Role::kDescendant && process.group != nullptr &&
                         parent_group == process.group.get() && parent->role == Role::kRoot;
}

void Tracker::Join(TrackedProcess& process, std::shared_ptr<AgentGroup> group, const Joining& how) {
  const bool was_instance = IsRoot(process) && !how.was_inner;
  const bool same_group = process.group == group;
  const bool is_root = how.role == Role::kRoot;
  if (was_instance && (!same_group || !is_root)) ++process.group->lost_roots;

  if (group != nullptr && is_root && !process.inner && !(was_instance && same_group) &&
      group->lost_roots > 0) {
    --group->lost_roots;
    // A wrapper's child that takes its place is not a replacement, nor is a new root that ran before its
    // predecessor ended.
    if (!how.takes_over) ++group->counters.restarts;
  }
  if (group != nullptr && (!is_root || process.inner) && process.group == nullptr &&
      (process.by_event || process.stat.key.start_ticks >= options_.start_ticks)) {
    ++group->counters.descendants_started;
  }
  if (!same_group) process.accounted = {};
  process.group = std::move(group);
  process.role = how.role;
}

// Counts an execve as a start, and a process that a sample finds alive; a fork that then calls execve counts
// once.
void Tracker::CountStart(TrackedProcess& process) {
  if (process.role != Role::kDescendant || std::exchange(process.start_counted, true)) return;
  if (process.by_event || process.stat.key.start_ticks >= options_.start_ticks) {
    process.group->commands.AddStart(CommandOf(process));
  }
}

void Tracker::Account(TrackedProcess& process) {
  const kernel::ProcessStat& stat = process.stat;
  if (process.is_new && stat.key.start_ticks < options_.start_ticks) {
    process.counted_cpu = stat.cpu;
    process.counted_children = stat.children_cpu;
    process.counted_minor_faults = stat.minor_faults;
    process.counted_major_faults = stat.major_faults;
  }
  const kernel::CpuTimes cpu = Max(stat.cpu, process.counted_cpu);
  const kernel::CpuTimes children = Max(stat.children_cpu, process.counted_children);
  const kernel::CpuTimes own = cpu - std::exchange(process.counted_cpu, cpu);
  const kernel::CpuTimes reaped =
      process.debt.Settle(children - std::exchange(process.counted_children, children));
  const uint64_t minor = TakeRise(stat.minor_faults, process.counted_minor_faults);
  const uint64_t major = TakeRise(stat.major_faults, process.counted_major_faults);
  if (process.group == nullptr) return;

  AgentCounters& counters = process.group->counters;
  (process.role == Role::kRoot ? counters.self_cpu : counters.descendants_cpu) += own;
  if (process.role == Role::kDescendant) process.group->commands.AddCpu(CommandOf(process), own.total_ns());
  process.accounted += own;
  if (process.scope == Scope::kTree) {
    counters.descendants_cpu += reaped;
    process.group->commands.AddWaitedFor(reaped.total_ns());
    process.accounted += reaped;
  }
  counters.minor_faults += minor;
  counters.major_faults += major;
}

}  // namespace agent_exporter::agents

// Tracker between two snapshots: applies forks, execs and exits.

#include <sys/wait.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agents/command_name.h"
#include "agents/tracker.h"

namespace agent_exporter::agents {
namespace {

// For how many samples we wait for the exit event of a departed process.
constexpr uint64_t kDepartedLooks = 3;
// Assumed CPU of a child whose event has none; only the ratio to others matters.
constexpr int64_t kUsualLifeNanoseconds = 1'000'000;

const char* ExitReason(int status) {
  if (WIFSIGNALED(status)) return "signal";
  return WEXITSTATUS(status) == 0 ? "ok" : "error";
}

// Returns the part of `now` that was not counted yet, and marks it as counted.
kernel::CpuTimes TakeUncounted(const kernel::CpuTimes& now, kernel::CpuTimes& counted) {
  const kernel::CpuTimes rise = {std::max<int64_t>(now.user_ns - counted.user_ns, 0),
                                 std::max<int64_t>(now.system_ns - counted.system_ns, 0)};
  counted += rise;
  return rise;
}

// Adds CPU of one process to its agent and its command.
template <typename Process>
void AddCpu(Process& process, const kernel::CpuTimes& cpu) {
  AgentGroup& group = *process.group;
  if (process.role == Role::kRoot) {
    group.counters.self_cpu += cpu;
  } else {
    group.counters.descendants_cpu += cpu;
    group.commands.AddCpu(process.command.empty() ? kOtherCommands : process.command, cpu.total_ns());
  }
}

// Adds CPU of waited-for children whose command is unknown.
void AddWaitedFor(AgentGroup& group, const kernel::CpuTimes& cpu) {
  group.counters.descendants_cpu += cpu;
  group.commands.AddWaitedFor(cpu.total_ns());
}

}  // namespace

void Tracker::ApplyEvents(const std::vector<kernel::ProcessEvent>& events,
                          absl::Span<const ReportedExit> reported) {
  events_ = true;
  if (std::exchange(claim_, false)) {
    for (const auto& [generation, event] : std::exchange(unclaimed_, {})) ApplyEvent(event, reported);
  }
  for (const kernel::ProcessEvent& event : events) ApplyEvent(event, reported);
}

void Tracker::ApplyEvent(const kernel::ProcessEvent& event, absl::Span<const ReportedExit> reported) {
  switch (event.kind) {
    case kernel::ProcessEvent::Kind::kFork:
      ApplyFork(event);
      break;
    case kernel::ProcessEvent::Kind::kExec:
      ApplyExec(event);
      break;
    case kernel::ProcessEvent::Kind::kExit:
      ApplyExit(event, reported);
      break;
    case kernel::ProcessEvent::Kind::kFinalCpu:
      if (!RecordLastCpu(event.key, *event.cpu, true)) KeepUnclaimed(event);
      break;
    case kernel::ProcessEvent::Kind::kOom:
      if (TrackedProcess* member = FindMember(event.key)) {
        member->exit_reason = "oom";
        ++member->group->counters.oom_kills;
        member->group->ConfirmOom(member->stat.key);
      }
      break;
  }
}

void Tracker::ApplyFork(const kernel::ProcessEvent& event) {
  const TrackedProcess* parent = FindMember({event.parent, 0});
  if (parent == nullptr) return KeepUnclaimed(event);
  if (parent->scope != Scope::kTree) return;
  auto [at, inserted] = processes_.try_emplace(event.key.pid);
  TrackedProcess& child = at->second;
  if (!inserted) {
    // Without a start time only a live member can be the same process: exits of unwatched processes are not
    // reported, so their pid may have been reused.
    const bool same =
        event.key.start_ticks == 0 ? child.group != nullptr && !child.exited : child.stat.key == event.key;
    if (same) {  // the snapshot came before the event
      child.tracked |= !event.tentative;
      return;
    }
    SetAside(child);
  }
  child.stat.key = event.key;
  child.stat.ppid = event.parent;
  child.stat.session = parent->stat.session;
  child.stat.comm = event.comm;
  child.command = parent->command;  // same program until its execve
  child.stat.start_stack = parent->stat.start_stack;
  child.stat.state = 'R';
  child.by_event = true;
  child.tracked = !event.tentative;
  child.tracked_since = generation_;
  child.match = parent->match;
  child.own_group = parent->own_group;
  child.examine = event.comm.empty();
  if (HasExecuted(event.key.pid)) {
    child.command.clear();
    child.examine = true;
  }
  Place(child);
  members_.push_back(&child);
}

// The proc connector reports a fork and the child's execve from two CPUs, so the execve may come first.
bool Tracker::HasExecuted(pid_t pid) const {
  constexpr std::ptrdiff_t kLately = 64;
  const auto begin = execs_.end() - std::min(kLately, std::ssize(execs_));
  const auto exec = std::find_if(begin, execs_.end(), [pid](const auto& key) { return key.pid == pid; });
  return exec != execs_.end();
}

void Tracker::ApplyExit(const kernel::ProcessEvent& event, absl::Span<const ReportedExit> reported) {
  const auto known = std::find_if(reported.begin(), reported.end(), [&event](const ReportedExit& exit) {
    return exit.key.pid == event.key.pid &&
           (event.key.start_ticks == 0 || exit.key.start_ticks == event.key.start_ticks);
  });
  const ReportedExit exit = known != reported.end()
                                ? *known
                                : ReportedExit{event.key, event.status, false, event.max_resident_bytes};
  if (TrackedProcess* member = FindMember(event.key)) {
    CountCommandEnd(*member, member->stat.comm, !member->final_cpu, event);
  } else if (Departed* departed = FindDeparted(event.key)) {
    CountCommandEnd(*departed, departed->comm, departed->ancestor.pid != 0, event);
  }
  if (!RecordExit(exit)) return KeepUnclaimed(event);
  if (event.cpu) RecordLastCpu(event.key, *event.cpu, false);
}

bool Tracker::RecordExit(const ReportedExit& exit) {
  if (TrackedProcess* member = FindMember(exit.key)) {
    ApplyExitTo(*member, member->stat.key, member->stat.comm, exit);
    return true;
  }
  Departed* departed = FindDeparted(exit.key);
  if (departed != nullptr) ApplyExitTo(*departed, departed->key, departed->comm, exit);
  return departed != nullptr;
}

// If the command is still unknown at the end, its name comes from the exit event; so it does if the name has
// changed and no execve was told, which may be because it was reported late (HasExecuted).
template <typename Process>
void Tracker::CountCommandEnd(Process& process, const std::string& comm, bool waited_for,
                              const kernel::ProcessEvent& event) {
  if (process.role != Role::kDescendant || process.exited) return;
  const bool renamed = !process.start_counted && !event.comm.empty() && event.comm != comm;
  if (process.command.empty() || renamed) {
    process.command = event.comm.empty() ? kOtherCommands : CommandName({}, "", event.comm);
  }
  CommandBook& commands = process.group->commands;
  if (!std::exchange(process.start_counted, true)) commands.AddStart(process.command);
  if (event.status != 0) commands.AddFailure(process.command);
  commands.AddPeak(process.command, event.max_resident_bytes);
  if (event.cpu || !waited_for) return;  // its exact CPU is reported separately
  const int64_t used = event.used ? event.used->total_ns() : kUsualLifeNanoseconds;
  commands.Expect(process.command, used - process.counted_cpu.total_ns());
}

template <typename Process>
void Tracker::ApplyExitTo(Process& process, const kernel::ProcessKey& key, const std::string& comm,
                          const ReportedExit& exit) {
  if (std::exchange(process.exited, true)) return;
  if (std::string_view(process.exit_reason) == "unknown") process.exit_reason = ExitReason(exit.status);
  if (process.role == Role::kDescendant) {
    ++process.group->counters.descendants_exited[process.exit_reason];
  } else {
    RecordRootEnd(process, {.key = key,
                            .comm = comm,
                            .status = exit.status,
                            .self_killed = exit.self_killed,
                            .max_resident_bytes = exit.max_resident_bytes});
  }
}

// Records CPU that no watched parent's cutime will show. The figure of the exit event counts only if the
// final figure does not come.
bool Tracker::RecordLastCpu(const kernel::ProcessKey& key, const kernel::LastCpu& cpu, bool final) {
  if (TrackedProcess* member = FindMember(key)) {
    if (final) {
      const kernel::CpuTimes rise = TakeUncounted(cpu.own, member->counted_cpu);
      AddCpu(*member, rise);
      member->accounted += rise;
    }
    member->final_cpu |= final;
    member->last_cpu = std::make_unique<kernel::LastCpu>(
        cpu);  // its children are counted when it departs: see AccountLastChildren
    return true;
  }
  Departed* departed = FindDeparted(key);
  if (departed == nullptr) return false;
  departed->last_cpu.reset();
  if (final) {
    AccountLastCpu(*departed, cpu.own);
  } else {
    departed->last_cpu = cpu.own;
  }
  TrackedProcess* const ancestor = FindMember(departed->ancestor);
  if (cpu.children && departed->scope == Scope::kTree) {
    kernel::CpuTimes reaped = TakeUncounted(*cpu.children, departed->counted_children);
    // Children it waited for may have been counted while alive; then the ancestor owes their CPU.
    if (ancestor != nullptr) reaped = ancestor->debt.Pay(reaped);
    AddWaitedFor(*departed->group, reaped);
    AddTo(departed->heir, reaped);
  }
  if (!final || departed->by_parent || ancestor == nullptr) return true;
  // Its parent died without waiting for it, so the ancestor's cutime will not show what it owes. CPU of
  // others that already paid this debt must be counted after all. After one more sample the debt has lapsed
  // by itself.
  if (departed->since == generation_) {
    const kernel::CpuTimes paid_by_others = ancestor->debt.Pay(departed->owed);
    if (ancestor->scope == Scope::kTree) {
      AddWaitedFor(*ancestor->group, paid_by_others);
      ancestor->accounted += paid_by_others;
    }
  }
  departed->ancestor = {};
  return true;
}

// If the parent's cutime shows it after all (because it stopped ignoring SIGCHLD), the debt prevents counting
// it twice.
void Tracker::AccountLastCpu(Departed& departed, const kernel::CpuTimes& cpu) {
  const kernel::CpuTimes rise = TakeUncounted(cpu, departed.counted_cpu);
  AddCpu(departed, rise);
  AddTo(departed.heir, rise);
  if (!departed.by_parent) return;
  if (TrackedProcess* ancestor = FindMember(departed.ancestor)) ancestor->debt.Owe(rise);
}

void Tracker::AddTo(const kernel::ProcessKey& heir, const kernel::CpuTimes& cpu) {
  if (heir.pid == 0) return;
  if (TrackedProcess* member = FindMember(heir)) member->accounted += cpu;
}

void Tracker::AccountLastChildren(TrackedProcess& process) {
  if (!process.last_cpu->children || process.group == nullptr || process.scope != Scope::kTree) return;
  const kernel::CpuTimes rise = TakeUncounted(*process.last_cpu->children, process.counted_children);
  const kernel::CpuTimes reaped = process.debt.Pay(rise);
  AddWaitedFor(*process.group, reaped);
  process.accounted += reaped;
  if (const auto departed = departed_.find(process.stat.key); departed != departed_.end()) {
    departed->second.counted_children = process.counted_children;
  }
}

std::vector<kernel::ProcessKey> Tracker::KeysToRead() const {
  std::vector<kernel::ProcessKey> keys;
  keys.reserve(members_.size() + execs_.size() + 1);
  for (const TrackedProcess* member : members_) keys.push_back(member->stat.key);
  // Parents come first, because they are never younger than their children: a parent that is read first
  // cannot include the time of a child that is then read alive.
  std::sort(keys.begin(), keys.end(), [](const kernel::ProcessKey& a, const kernel::ProcessKey& b) {
    return std::pair(a.start_ticks, a.pid) < std::pair(b.start_ticks, b.pid);
  });
  keys.insert(keys.end(), execs_.begin(), execs_.end());
  for (const pid_t pid : rules_.PidfilePids()) keys.push_back({pid, 0});
  for (const SessionPane& pane : panes_) {
    const auto known = processes_.find(pane.pid);
    if (known == processes_.end() || known->second.group == nullptr) keys.push_back({pane.pid, 0});
  }
  for (const auto& [pid, registered] : registered_) {
    if (registered.group == nullptr) keys.push_back(registered.registration.key);
  }
  return keys;
}

std::vector<kernel::ProcessKey> Tracker::TakeUntracked(uint64_t* disagreements) {
  std::vector<kernel::ProcessKey> keys;
  std::vector<TrackedProcess*> untracked;
  for (TrackedProcess* member : members_) {
    if (!member->tracked) untracked.push_back(member);
  }
  claim_ |= !untracked.empty();
  for (const TrackedProcess* member : untracked) {
    const TrackedProcess* parent = ParentOf(*member);
    // The parent was tracked before this child started, so the fork should have been reported.
    if (parent != nullptr && parent->tracked && parent->tracked_since < generation_ - 1) ++*disagreements;
  }
  for (TrackedProcess* member : untracked) {
    member->tracked = true;
    member->tracked_since = generation_;
    keys.push_back(member->stat.key);
  }
  return keys;
}

// The member with this identity; if either start_ticks is 0, only the pid is compared.
TrackedProcess* Tracker::FindMember(const kernel::ProcessKey& key) {
  const auto found = processes_.find(key.pid);
  if (found == processes_.end() || found->second.group == nullptr) return nullptr;
  const uint64_t start = found->second.stat.key.start_ticks;
  return key.start_ticks == 0 || start == 0 || start == key.start_ticks ? &found->second : nullptr;
}

Tracker::Departed* Tracker::FindDeparted(const kernel::ProcessKey& key) {
  if (const auto found = departed_.find(key); found != departed_.end()) return &found->second;
  if (key.start_ticks != 0) return nullptr;
  for (auto& [departed_key, departed] : departed_) {
    if (departed_key.pid == key.pid && !departed.exited) return &departed;
  }
  return nullptr;
}

void Tracker::ForgetDeparted() {
  absl::erase_if(departed_, [this](auto& entry) {
    Departed& departed = entry.second;
    if (generation_ - departed.since < kDepartedLooks) return false;
    if (departed.last_cpu) AccountLastCpu(departed, *departed.last_cpu);
    if (departed.exited) return true;
    if (departed.role == Role::kRoot) {
      RecordRootEnd(departed, {.key = entry.first, .comm = departed.comm});
    } else {
      ++departed.group->counters.descendants_exited["unknown"];
    }
    return true;
  });
}

}  // namespace agent_exporter::agents

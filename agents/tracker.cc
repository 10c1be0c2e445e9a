#include "agents/tracker.h"

#include <utility>

#include "absl/container/flat_hash_set.h"

namespace agent_exporter::agents {
namespace {

// A child that has not called execve for so long will go on as what it is.
constexpr double kSecondsToExec = 1;

bool IsTemplate(const std::string& text) { return text.find_first_of("{}") != std::string::npos; }

}  // namespace

Tracker::Tracker(Options options, RuleSet rules, FactsMaker facts, Confirm confirm)
    : options_(options),
      rules_(std::move(rules)),
      facts_(std::move(facts)),
      confirm_(std::move(confirm)),
      groups_(options.max_agents, options.forget_after_seconds) {
  ConfigureGroups();
}

void Tracker::SetRules(RuleSet rules) {
  std::swap(rules_, rules);
  ConfigureGroups();
  ExamineAll(rules);
}

void Tracker::ConfigureGroups() {
  groups_.ClearConfigured();
  for (const Rule& rule : rules_.rules()) {
    // A name from a template is known only after a match.
    if (rule.built_in || IsTemplate(rule.name)) continue;
    if (IsTemplate(rule.kind) || IsTemplate(rule.slot)) {
      groups_.ConfigureName(base::LabelValue(rule.name));
    } else {
      groups_.Configure(base::LabelValue(rule.name), base::LabelValue(rule.kind),
                        base::LabelValue(rule.slot));
    }
  }
}

void Tracker::Update(std::vector<kernel::ProcessStat>& rows, Walk walk, const base::ClockReading& now,
                     const std::function<void(const TrackedProcess&)>& gone) {
  ++generation_;
  now_ = now.monotonic;
  UpdatePresence(rows);
  remembered_.clear();
  Gather(walk);
  ConfirmChildren();
  RemoveGone(walk, gone);
  MatchChanged();
  AdoptPanes();
  PlaceAll();

  for (const auto& [key, group] : groups_.groups()) group->members = 0;
  members_.clear();
  absl::flat_hash_set<std::string> folded_names;
  std::vector<pid_t> nobodys;
  std::vector<kernel::ProcessKey> undecided;
  for (TrackedProcess* process : current_) {
    if (process->group != nullptr && process->command.empty()) NameCommand(*process, nullptr);
    Account(*process);
    if (process->group == nullptr) {
      // Only a full walk notices when an unwatched process ends, so we do not keep one between full walks.
      if (process->is_new && walk == Walk::kMembers) nobodys.push_back(process->stat.key.pid);
      if (process->examine) undecided.push_back(process->stat.key);
      process->is_new = false;
      continue;
    }
    // A newcomer may be a copy of its parent that is about to call execve, or the event of its execve has not
    // been read yet. So with events its start is counted by the event, at its end or if it stays a copy.
    if (process->is_new) process->first_seen = now_;
    if (!events_ || now_ - process->first_seen >= kSecondsToExec) CountStart(*process);
    process->is_new = false;
    members_.push_back(process);
    ++process->group->members;
    process->group->last_alive = now.monotonic;
    if (process->folded) folded_names.insert(process->match->agent);
  }
  for (const pid_t pid : nobodys) processes_.erase(pid);
  current_.clear();
  execs_ = std::move(undecided);
  folded_ = folded_names.size();
  ForgetDeparted();
  ForgetUnclaimed();
  ForgetPrograms();
  ForgetRegistered();
  for (const auto& [key, group] : groups_.groups()) group->commands.EndLook();
  groups_.ForgetStale(now.monotonic);
}

void Tracker::UpdatePresence(std::vector<kernel::ProcessStat>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    kernel::ProcessStat& row = rows[i];
    auto [at, inserted] = processes_.try_emplace(row.key.pid);
    TrackedProcess& process = at->second;
    if (!inserted && process.stat.key.start_ticks == 0)
      process.stat.key = row.key;  // its event had no start time
    if (!inserted && process.stat.key != row.key) {
      SetAside(process);
      inserted = true;
    }
    if (!inserted) DetectExec(process, row);
    std::swap(process.stat, row);
    if (inserted && !remembered_.empty()) Restore(process);
    process.seen = generation_;
    process.order = i;
    current_.push_back(&process);
  }
}

// Detects whether the process runs another program than in the last sample: then its stack address has
// changed. A changed name is not enough, because it may come from prctl or setproctitle, so it never costs a
// root its match. But if the stack address cannot be read, a new name that another rule matches counts as a
// new program.
void Tracker::DetectExec(TrackedProcess& process, kernel::ProcessStat& row) {
  // 0 means not readable, or in the middle of an execve, which sets comm before stack and arguments.
  if (row.start_stack == 0) row.start_stack = process.stat.start_stack;
  if (process.stat.start_stack != row.start_stack && row.state != 'Z') {
    process.examine = true;
    process.may_keep = false;
    process.command.clear();
    // If the process is tracked, the event of this execve counts the start, even if we have not read it yet.
    if (!events_ || !process.tracked) process.start_counted = false;
  } else if (process.stat.comm != row.comm && !(IsRoot(process) && row.start_stack != 0)) {
    process.may_keep = IsRoot(process) && (!process.examine || process.may_keep);
    process.examine = true;
  }
}

// Uses a key that no pid can have, so that both processes exist until RemoveGone.
void Tracker::SetAside(TrackedProcess& process) {
  TrackedProcess& aside = processes_.emplace(next_aside_--, std::move(process)).first->second;
  current_.push_back(&aside);
  process = TrackedProcess();
}

void Tracker::Gather(Walk walk) {
  if (walk == Walk::kFull) {
    for (auto& [pid, process] : processes_) current_.push_back(&process);
  } else {
    current_.insert(current_.end(), members_.begin(), members_.end());
  }
  std::erase_if(current_, [this](TrackedProcess* process) {
    return std::exchange(process->gathered, generation_) == generation_;
  });
}

// A snapshot is not atomic. A child that was read alive and then reaped before its parent was read would
// count twice: in its own figures and in its parent's. So if a child was read before its parent, and the
// parent's children time rose, we read the child again. Pids mostly rise from parent to child, so this is
// rare until pids wrap.
void Tracker::ConfirmChildren() {
  for (TrackedProcess* process : current_) {
    if (process->seen != generation_) continue;
    const TrackedProcess* parent = ParentOf(*process);
    if (parent == nullptr || parent->seen != generation_ || parent->order < process->order) continue;
    if (parent->group == nullptr && !parent->is_new) continue;
    if (parent->stat.children_cpu == parent->counted_children) continue;
    if (!confirm_(&process->stat)) process->seen = generation_ - 1;
  }
}

void Tracker::RemoveGone(Walk walk, const std::function<void(const TrackedProcess&)>& gone) {
  leaving_ = true;
  std::vector<pid_t> leaving;
  std::vector<TrackedProcess*> with_last_cpu;
  const auto leave = [&](pid_t pid, TrackedProcess& process) {
    leaving.push_back(pid);
    if (process.last_cpu != nullptr) with_last_cpu.push_back(&process);
    Depart(process);
    if (Registered* registered = FindRegistered(process.stat.key)) registered->gone = true;
    gone(process);
  };
  if (walk == Walk::kFull) {
    for (auto& [pid, process] : processes_) {
      if (process.seen != generation_) leave(pid, process);
    }
  } else {
    for (TrackedProcess* process : current_) {
      // A process that was set aside is no longer stored under its pid.
      auto found = processes_.find(process->stat.key.pid);
      if (process->seen != generation_ && found != processes_.end() && &found->second == process) {
        leave(found->first, *process);
      }
    }
    for (pid_t aside = -1; aside > next_aside_; --aside) leave(aside, processes_.at(aside));
  }
  next_aside_ = -1;
  // After all have departed, because children they waited for may depart in the same update.
  for (TrackedProcess* process : with_last_cpu) AccountLastChildren(*process);
  for (const pid_t pid : leaving) PassToHeir(processes_.at(pid));
  std::erase_if(current_, [this](const TrackedProcess* process) { return process->seen != generation_; });
  for (const pid_t pid : leaving) processes_.erase(pid);
  leaving_ = false;
}

// The nearest living ancestor may have waited for the process, directly or through parents that are gone,
// too. The search ends at an ancestor whose children time no other process will show.
void Tracker::Depart(TrackedProcess& process) {
  // It started and ended within this snapshot, so nothing was counted for it.
  if (process.is_new && !process.by_event) return;
  TrackedProcess* ancestor = ParentOf(process);
  const TrackedProcess* const parent = ancestor;
  const auto is_the_end = [this](const TrackedProcess& above) {
    return above.seen == generation_ || above.last_cpu != nullptr;
  };
  for (int depth = 0; ancestor != nullptr && !is_the_end(*ancestor) && depth < 1000; ++depth) {
    ancestor = ParentOf(*ancestor);
  }
  if (ancestor != nullptr && !is_the_end(*ancestor)) ancestor = nullptr;
  // Its parent died without waiting for it, so no ancestor will show its CPU.
  if (process.final_cpu && ancestor != parent) ancestor = nullptr;
  const kernel::CpuTimes counted = process.counted_cpu + process.counted_children;
  if (ancestor != nullptr) ancestor->debt.Owe(counted);
  if (process.group == nullptr) return;
  const Part part = process.role == Role::kRoot ? Vacate(process) : Part::kInstance;
  if (events_) {
    departed_[process.stat.key] = {
        .key = process.stat.key,
        .group = process.group,
        .role = process.role,
        .scope = process.scope,
        .comm = process.stat.comm,
        .command = process.command,
        .start_counted = process.start_counted,
        .counted_cpu = process.counted_cpu,
        .counted_children = process.counted_children,
        .heir = {},
        .ancestor = ancestor == nullptr ? kernel::ProcessKey{} : ancestor->stat.key,
        .by_parent = ancestor == parent,
        .owed = counted,
        .exited = process.exited,
        .part = part,
        .wrapper = process.wrapper,
        .program_end = std::move(process.program_end),
        .exit_reason = process.exit_reason,
        .last_cpu = process.last_cpu != nullptr && !process.final_cpu ? std::optional(process.last_cpu->own)
                                                                      : std::nullopt,
        .since = generation_};
  } else if (process.exited) {
    return;  // already recorded by its parent
  } else if (process.role == Role::kDescendant) {
    ++process.group->counters.descendants_exited["unknown"];
  } else {
    RecordRootEnd(process, {.key = process.stat.key, .comm = process.stat.comm});
  }
}

// The nearest living member above it or, for an orphan, the leader of its session. Null if there is neither.
TrackedProcess* Tracker::FindHeir(const TrackedProcess& process) {
  const auto inherits = [&](const TrackedProcess* heir) {
    return heir != nullptr && heir->seen == generation_ && heir->group == process.group;
  };
  TrackedProcess* above = ParentOf(process);
  for (int depth = 0; above != nullptr && above->seen != generation_ && depth < 1000; ++depth) {
    above = ParentOf(*above);
  }
  if (inherits(above)) return above;
  const auto leader = processes_.find(process.stat.session);
  return leader != processes_.end() && inherits(&leader->second) ? &leader->second : nullptr;
}

void Tracker::PassToHeir(const TrackedProcess& process) {
  if (process.group == nullptr) return;
  TrackedProcess* const heir = FindHeir(process);
  if (heir == nullptr) return;
  heir->accounted += process.accounted;
  if (const auto departed = departed_.find(process.stat.key); departed != departed_.end()) {
    departed->second.heir = heir->stat.key;
  }
}

TrackedProcess* Tracker::ParentOf(const TrackedProcess& process) {
  auto found = processes_.find(process.stat.ppid);
  if (found == processes_.end() || &found->second == &process) return nullptr;
  const bool older = found->second.stat.key.start_ticks <= process.stat.key.start_ticks;
  return older || process.stat.key.start_ticks == 0 ? &found->second : nullptr;
}

}  // namespace agent_exporter::agents

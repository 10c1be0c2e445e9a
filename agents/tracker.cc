#include "agents/tracker.h"

#include <utility>

#include "absl/container/flat_hash_set.h"

namespace agent_exporter {

Tracker::Tracker(Options options, RuleSet rules, FactsMaker facts, Confirm confirm)
    : options_(options),
      rules_(std::move(rules)),
      facts_(std::move(facts)),
      confirm_(std::move(confirm)),
      groups_(options.max_agents, options.forget_after_seconds) {
  SetRules(std::move(rules_));
}

void Tracker::SetRules(RuleSet rules) {
  rules_ = std::move(rules);
  groups_.ClearConfigured();
  for (const Rule& rule : rules_.rules()) {
    // A name made from a template is known only once something matched.
    if (!rule.built_in && rule.name.find('{') == std::string::npos) groups_.Configure(LabelValue(rule.name));
  }
  for (auto& [pid, process] : processes_) process.examine = true;
}

void Tracker::Update(std::vector<ProcessStat>& rows, const ClockReading& now,
                     const std::function<void(const TrackedProcess&)>& gone) {
  ++generation_;
  NotePresence(rows);
  ConfirmChildren();
  TakeLeave(gone);
  MatchChanged(now.monotonic);
  PlaceAll();

  for (const auto& [key, group] : groups_.groups()) group->members = 0;
  members_.clear();
  absl::flat_hash_set<std::string> folded_names;
  for (auto& [pid, process] : processes_) {
    Account(process);
    process.is_new = false;
    if (process.group == nullptr) continue;
    members_.push_back(&process);
    ++process.group->members;
    process.group->last_alive = now.monotonic;
    if (process.folded) folded_names.insert(process.match->agent);
  }
  folded_ = folded_names.size();
  groups_.ForgetStale(now.monotonic);
}

void Tracker::NotePresence(std::vector<ProcessStat>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    ProcessStat& row = rows[i];
    auto [at, inserted] = processes_.try_emplace(row.key.pid);
    TrackedProcess& process = at->second;
    if (!inserted && process.stat.key != row.key) {
      // The pid was handed to a stranger: the old one leaves under a key no pid can have, so both are there until TakeLeave.
      processes_.emplace(-row.key.pid, std::move(process));
      process = TrackedProcess();
      inserted = true;
    }
    if (!inserted) {
      const bool new_stack = process.stat.start_stack != row.start_stack && process.stat.start_stack != 0 &&
                             row.start_stack != 0 && row.state != 'Z';
      if (new_stack || process.stat.comm != row.comm) process.examine = true;
    }
    std::swap(process.stat, row);
    process.seen = generation_;
    process.order = i;
  }
}

// A snapshot takes a while. A child that was read alive and then reaped before its parent was read would be counted twice:
// in its own figures and in its parent's. Where a child was read before a parent whose children time rose, it is looked
// at again. Pids mostly rise from parent to child, so this is rare until pids wrap.
void Tracker::ConfirmChildren() {
  for (auto& [pid, process] : processes_) {
    if (process.seen != generation_) continue;
    const TrackedProcess* parent = ParentOf(process);
    if (parent == nullptr || parent->order < process.order) continue;
    if (parent->group == nullptr && !parent->is_new) continue;
    if (parent->stat.children_cpu == parent->counted_children) continue;
    if (!confirm_(&process.stat)) process.seen = generation_ - 1;
  }
}

void Tracker::TakeLeave(const std::function<void(const TrackedProcess&)>& gone) {
  std::vector<pid_t> leaving;
  for (auto& [pid, process] : processes_) {
    if (process.seen == generation_) continue;
    leaving.push_back(pid);
    if (process.is_new) continue;  // came and went within this snapshot: nothing of it was counted
    // Whoever lives above it may have waited for it, directly or through parents that are gone as well.
    const CpuTimes counted = process.counted_cpu + process.counted_children;
    TrackedProcess* ancestor = ParentOf(process);
    for (int depth = 0; ancestor != nullptr && ancestor->seen != generation_ && depth < 1000; ++depth) {
      ancestor = ParentOf(*ancestor);
    }
    if (ancestor != nullptr && ancestor->seen == generation_) ancestor->debt.Owe(counted);
    if (process.group != nullptr) {
      if (process.role == Role::kRoot) {
        ++process.group->lost_roots;
      } else {
        ++process.group->counters.descendants_exited["unknown"];
      }
    }
    gone(process);
  }
  for (const pid_t pid : leaving) processes_.erase(pid);
}

void Tracker::MatchChanged(double now) {
  for (const pid_t pid : rules_.PidfilePids()) {
    auto found = processes_.find(pid);
    if (found != processes_.end() && !found->second.match) found->second.examine = true;
  }
  for (auto& [pid, process] : processes_) {
    if (!process.examine) continue;
    process.examine = false;
    if (process.stat.state == 'Z') continue;  // who it was is gone with its memory; its last match stays
    process.match.reset();
    process.own_group.reset();
    process.folded = false;
    if (process.stat.kernel_thread) continue;
    if (pid == options_.self_pid) {
      process.match = Match{.agent = "agent_exporter"};
    } else {
      process.match = rules_.Find(*facts_(process.stat));
    }
    if (process.match) process.own_group = groups_.Get(*process.match, now, &process.folded);
  }
}

TrackedProcess* Tracker::ParentOf(const TrackedProcess& process) {
  auto found = processes_.find(process.stat.ppid);
  if (found == processes_.end() || &found->second == &process) return nullptr;
  return found->second.stat.key.start_ticks <= process.stat.key.start_ticks ? &found->second : nullptr;
}

}  // namespace agent_exporter

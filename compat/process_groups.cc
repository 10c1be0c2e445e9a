#include "compat/process_groups.h"

#include <cmath>
#include <optional>
#include <utility>

#include "kernel/parse_process.h"

namespace agent_exporter::compat {
namespace {

constexpr size_t kMostEmptyGroups = 1000;

// All known, so that a process which started since the last look counts in full.
constexpr Counts kNothing{
    .read_bytes = 0, .write_bytes = 0, .voluntary_switches = 0, .involuntary_switches = 0};

// What could not be read this time stays as it was.
void Remember(const Counts& now, Counts* last) {
  const Counts before = std::exchange(*last, now);
  if (!now.read_bytes) last->read_bytes = before.read_bytes;
  if (!now.write_bytes) last->write_bytes = before.write_bytes;
  if (!now.voluntary_switches) last->voluntary_switches = before.voluntary_switches;
  if (!now.involuntary_switches) last->involuntary_switches = before.involuntary_switches;
}

bool IsGone(const absl::Status& status) { return absl::IsNotFound(status); }

}  // namespace

ProcessGroups::ProcessGroups(const GroupOptions& options, const kernel::RootedReader& proc,
                             std::unique_ptr<kernel::ProcessSource> source, GroupRules rules)
    : options_(options), source_(std::move(source)), rules_(std::move(rules)), files_(proc) {}

absl::Status ProcessGroups::Look() {
  if (absl::Status status = source_->ReadAll(&rows_); !status.ok()) {
    ++errors_.looks;
    return status;
  }
  ++look_;
  Classify(rows_);
  for (auto& [name, group] : groups_) group.BeginLook();
  for (const kernel::ProcessStat& row : rows_) {
    Tracked& process = *processes_.find(row.key)->second;
    if (process.group != nullptr) Count(row, &process);
  }
  absl::erase_if(processes_, [this](const auto& entry) {
    if (entry.second->look == look_) return false;
    source_->Forget(entry.first);
    return true;
  });
  DropEmptyGroups();
  return absl::OkStatus();
}

void ProcessGroups::Classify(const Rows& rows) {
  by_pid_.clear();
  for (const kernel::ProcessStat& row : rows) {
    by_pid_[row.key.pid] = &row;
    std::unique_ptr<Tracked>& entry = processes_[row.key];
    if (entry == nullptr) {
      entry = std::make_unique<Tracked>();
      // What ran before the first look counts from then on.
      entry->counted = look_ > 1;
      entry->last = kNothing;
    }
    Tracked& process = *entry;
    process.look = look_;
    const bool exec = process.start_stack != row.start_stack;
    if (!process.undecided && !exec && !options_.recheck) continue;
    process.undecided = true;
    process.start_stack = row.start_stack;
    process.comm = row.comm;
    MatchRules(row, &process);
  }
  if (!options_.children) return;
  for (const kernel::ProcessStat& row : rows) FollowParent(row, processes_.find(row.key)->second.get());
}

// Leaves the process undecided if no rule matches.
void ProcessGroups::MatchRules(const kernel::ProcessStat& row, Tracked* process) {
  ProcessAttributes attributes{.pid = row.key.pid,
                               .comm = row.comm,
                               .start_ms = static_cast<int64_t>(
                                   options_.boot_time_seconds * 1000 +
                                   row.key.start_ticks * 1000 / static_cast<uint64_t>(options_.clock_ticks))};
  auto cmdline = row.kernel_thread || row.state == 'Z' ? kernel::CommandLine() : files_.Cmdline(row.key);
  if (!cmdline.ok()) {
    if (!IsGone(cmdline.status())) ++errors_.processes;
    process->start_stack = 0;  // look again
    return;
  }
  attributes.cmdline = std::move(cmdline->words);
  if (rules_.needs_user()) {
    if (const auto uid = files_.Uid(row.key.pid); uid.ok()) attributes.user = users_.Name(*uid);
  }
  if (rules_.needs_cgroups()) {
    if (const auto text = files_.Cgroup(row.key.pid); text.ok()) {
      for (const kernel::CgroupMembership& line : kernel::ParseCgroup(*text)) {
        attributes.cgroups.emplace_back(line.path);
      }
    }
  }
  const std::optional<std::string> name = rules_.Find(attributes);
  if (name) {
    process->group = &groups_[*name];
    process->by_rule = true;
    process->undecided = false;
    return;
  }
  // One that inherited its group keeps it: its parent may be gone.
  if (process->by_rule) process->group = nullptr;
  process->by_rule = false;
  if (process->group != nullptr || !options_.children) process->undecided = false;
}

// Gives an undecided process, and its undecided ancestors, the group of the nearest one that has been
// decided.
void ProcessGroups::FollowParent(const kernel::ProcessStat& row, Tracked* process) {
  std::vector<Tracked*> undecided;
  const kernel::ProcessStat* at = &row;
  Group* group = nullptr;
  while (process->undecided) {
    process->undecided = false;
    undecided.push_back(process);
    const auto parent = by_pid_.find(at->ppid);
    if (parent == by_pid_.end()) break;
    at = parent->second;
    process = processes_.find(at->key)->second.get();
    group = process->group;
  }
  for (Tracked* one : undecided) one->group = group;
}

void ProcessGroups::Count(const kernel::ProcessStat& row, Tracked* process) {
  Group& group = *process->group;
  ++group.processes;
  group.threads += row.threads;
  const double start =
      std::floor(static_cast<double>(options_.boot_time_seconds) +
                 static_cast<double>(row.key.start_ticks) / static_cast<double>(options_.clock_ticks));
  group.oldest_start = std::min(group.oldest_start.value_or(start), start);
  Counts now{.cpu = row.cpu, .minor_faults = row.minor_faults, .major_faults = row.major_faults};
  if (row.state == 'Z') {
    ++group.states[kernel::ThreadFigures::StateIndex('Z')];
  } else {
    bool whole = CountUsage(row, &group, &now);
    if (options_.proportional_memory) whole = CountProportional(row, &group) && whole;
    if (!whole) ++errors_.partial;
  }
  if (process->counted) group.total.AddRise(now, process->last);
  if (!process->counted) group.total.AddRise(now, now);
  process->counted = true;
  Remember(now, &process->last);
}

// False: something could not be read. A process without memory (it is exiting, or a kernel thread) uses 0.
bool ProcessGroups::CountUsage(const kernel::ProcessStat& row, Group* group, Counts* counts) {
  // Of a single thread, the process' own figures tell as much.
  auto usage = source_->ReadUsage(
      row.key, {.io = true, .context_switches = true, .threads = row.threads != 1, .fd_limit = true});
  if (IsGone(usage.status()) || absl::IsFailedPrecondition(usage.status())) {
    group->states[kernel::ThreadFigures::StateIndex(row.state)] += row.threads;
    return true;
  }
  if (!usage.ok()) usage = kernel::ProcessUsage();
  group->resident.Add(usage->resident_bytes);
  group->virtual_size.Add(usage->virtual_bytes);
  group->swapped.Add(usage->swap_bytes);
  group->open_fds.Add(usage->open_fds);
  counts->read_bytes = usage->io_read_bytes;
  counts->write_bytes = usage->io_write_bytes;
  if (usage->threads) {
    counts->voluntary_switches = usage->threads->voluntary_switches;
    counts->involuntary_switches = usage->threads->involuntary_switches;
    for (size_t i = 0; i < group->states.size(); ++i) group->states[i] += usage->threads->states[i];
  } else {
    if (row.threads == 1) {
      counts->voluntary_switches = usage->voluntary_switches;
      counts->involuntary_switches = usage->involuntary_switches;
    }
    group->states[kernel::ThreadFigures::StateIndex(row.state)] += row.threads;
  }
  if (!usage->fd_limit || !usage->open_fds) {
    group->fd_ratio_known = false;
  } else if (*usage->fd_limit > 0) {
    group->worst_fd_ratio = std::max(
        group->worst_fd_ratio, static_cast<double>(*usage->open_fds) / static_cast<double>(*usage->fd_limit));
  }
  return usage->resident_bytes && usage->open_fds && usage->io_read_bytes && counts->voluntary_switches;
}

bool ProcessGroups::CountProportional(const kernel::ProcessStat& row, Group* group) {
  const auto memory = files_.Proportional(row.key);
  if (memory.ok()) {
    group->proportional.Add(memory->resident_bytes);
    group->proportional_swapped.Add(memory->swapped_bytes);
    return true;
  }
  if (IsGone(memory.status()) || row.kernel_thread) return true;
  group->proportional.Add(std::nullopt);
  group->proportional_swapped.Add(std::nullopt);
  return false;
}

void ProcessGroups::DropEmptyGroups() {
  std::map<uint64_t, std::vector<std::string>> empty;  // by the look at which they became so
  size_t count = 0;
  for (auto& [name, group] : groups_) {
    if (group.processes > 0) {
      group.empty_since = 0;
      continue;
    }
    if (group.empty_since == 0) group.empty_since = look_;
    empty[group.empty_since].push_back(name);
    ++count;
  }
  for (const auto& [since, names] : empty) {
    for (const std::string& name : names) {
      if (count <= kMostEmptyGroups) return;
      groups_.erase(name);
      --count;
    }
  }
}

}  // namespace agent_exporter::compat

// Tracker's step 2, matching, during a sample and between two samples. An exec event that has the program is
// matched at once, so that an agent which forks or dies before the next sample is counted like any other.

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agents/command_name.h"
#include "agents/tracker.h"

namespace agent_exporter::agents {
namespace {

// How many events of unwatched processes are kept at most, in case one of them turns out to be an agent.
constexpr size_t kMostUnclaimed = 20'000;

bool SameRule(Rule a, const Rule& b) {
  a.origin = b.origin;  // ignores moved lines
  return a == b;
}

}  // namespace

void Tracker::MatchChanged() {
  for (const pid_t pid : rules_.PidfilePids()) {
    auto found = processes_.find(pid);
    if (found != processes_.end() && !found->second.match) found->second.examine = true;
  }
  for (TrackedProcess* process : current_) {
    if (process->examine) Examine(*process, nullptr);
  }
}

void Tracker::Examine(TrackedProcess& process, const std::shared_ptr<const kernel::Program>& program) {
  process.examine = false;
  const bool may_keep = std::exchange(process.may_keep, false);
  Registered* const registered = FindRegistered(process.stat.key);
  // A zombie's command line is gone with its memory, so its last match stays.
  if (process.stat.state == 'Z' && registered == nullptr && program == nullptr) return;
  std::shared_ptr<const Match> match;
  std::optional<Match> adopter;
  bool undecided = false;
  if (registered != nullptr) {
    match = std::make_shared<const Match>(registered->registration.match);
  } else if (process.stat.kernel_thread) {
    match = nullptr;
  } else if (process.stat.key.pid == options_.self_pid) {
    static const auto* const kItself = new std::shared_ptr<const MatchReason>(new MatchReason{
        .origin = "the exporter itself", .rule = "agent_exporter", .what = "it watches itself"});
    match = std::make_shared<const Match>(Match{.agent = "agent_exporter", .reason = *kItself});
  } else {
    const std::unique_ptr<ProcessFacts> facts = facts_(process.stat, program);
    if (std::optional<Match> found = rules_.Find(*facts))
      match = std::make_shared<const Match>(*std::move(found));
    if (match == nullptr) adopter = rules_.Adopter(*facts);
    undecided = match == nullptr && !adopter && !facts->complete();
  }
  // The next sample tries reads that timed out again; until then the last match stays.
  if (undecided) {
    process.examine = true;
    process.may_keep = may_keep;
    return;
  }
  if (match == nullptr && may_keep) match = process.match;
  process.adopter.reset();
  if (match == nullptr && adopter) process.adopter = std::make_shared<const Match>(*std::move(adopter));
  process.match = std::move(match);
  process.registered = registered != nullptr;
  process.own_group.reset();
  process.folded = false;
  if (process.match) process.own_group = groups_.Get(*process.match, now_, &process.folded);
  if (registered != nullptr) {
    registered->group = process.own_group;
    registered->group->whole_tree = !process.folded;
  }
}

void Tracker::NameCommand(TrackedProcess& process, const std::shared_ptr<const kernel::Program>& program) {
  const std::string& comm = process.stat.comm;
  if (program != nullptr) {
    process.command = CommandName(program->argv, program->path, comm);
  } else if (process.stat.state == 'Z') {
    return;
  } else if (!NeedsCommandLine(comm)) {
    process.command = CommandName({}, "", comm);
  } else {
    const std::unique_ptr<ProcessFacts> facts = facts_(process.stat, nullptr);
    const std::vector<std::string>& argv = facts->argv();
    if (facts->complete()) process.command = CommandName(argv, "", comm);
  }
}

void Tracker::AdoptPanes() {
  for (const SessionPane& pane : panes_) {
    const auto found = processes_.find(pane.pid);
    if (found == processes_.end()) continue;
    TrackedProcess& process = found->second;
    // The list may be a few seconds old, so another process may have the pid now.
    if (process.seen != generation_ || process.stat.ppid != pane.server) continue;
    if (process.match != nullptr || process.adopter != nullptr) continue;
    if (std::optional<Match> adopter = rules_.Adopter(pane)) {
      process.adopter = std::make_shared<const Match>(*std::move(adopter));
    }
  }
}

// A root keeps its match if the new rules still contain the rule it matched, because it may have changed its
// name since.
void Tracker::ExamineAll(const RuleSet& before) {
  std::vector<std::optional<size_t>> now_at(before.rules().size());
  for (size_t i = 0; i < now_at.size(); ++i) {
    const auto& rules = rules_.rules();
    const auto same = std::find_if(rules.begin(), rules.end(),
                                   [&](const Rule& rule) { return SameRule(rule, before.rules()[i]); });
    if (same != rules.end()) now_at[i] = static_cast<size_t>(same - rules.begin());
  }
  for (auto& [pid, process] : processes_) {
    process.examine = true;
    process.may_keep = false;
    if (process.match == nullptr || process.match->rule >= now_at.size() || !now_at[process.match->rule])
      continue;
    process.may_keep = IsRoot(process);
    auto match = std::make_shared<Match>(*process.match);
    match->rule = *now_at[process.match->rule];
    process.match = std::move(match);
  }
}

void Tracker::ApplyExec(const kernel::ProcessEvent& event) {
  TrackedProcess* process = FindMember(event.key);
  if (process == nullptr) {
    // A sample already saw that it is gone; its end is still to be told.
    if (Departed* departed = FindDeparted(event.key)) {
      departed->command =
          event.program == nullptr ? "" : CommandName(event.program->argv, event.program->path, event.comm);
      departed->start_counted = false;
      return;
    }
  }
  if (event.program == nullptr) {
    if (process == nullptr) {
      execs_.push_back(event.key);
    } else {
      process->examine = true;
      process->may_keep = false;
      process->command.clear();
      process->start_counted = false;
    }
    return;
  }
  const bool stranger = process == nullptr;
  bool remembered = true;
  if (stranger) {
    const auto [at, inserted] = processes_.try_emplace(event.key.pid);
    process = &at->second;
    remembered = !inserted && process->stat.key == event.key;
    if (!inserted && !remembered) SetAside(*process);
    process->stat.key = event.key;
    process->stat.ppid = event.parent;
    process->stat.session = event.program->session;
    process->stat.state = 'R';
  }
  process->stat.comm = event.comm;
  process->stat.start_stack = event.program->start_stack;
  process->may_keep = false;
  Examine(*process, event.program);
  Place(*process);
  if (process->group != nullptr) {
    NameCommand(*process, event.program);
    process->start_counted = false;
    process->by_event |= stranger;
    CountStart(*process);
  }
  if (!stranger) return;
  if (process->group == nullptr) {
    if (!remembered) processes_.erase(event.key.pid);
    execs_.push_back(event.key);  // it may still set a name that a rule matches
    return;
  }
  if (std::find(members_.begin(), members_.end(), process) == members_.end()) members_.push_back(process);
}

void Tracker::KeepUnclaimed(const kernel::ProcessEvent& event) {
  if (unclaimed_.size() < kMostUnclaimed) unclaimed_.emplace_back(generation_, event);
}

void Tracker::ForgetUnclaimed() {
  std::erase_if(unclaimed_, [this](const auto& kept) { return kept.first + 1 < generation_; });
}

}  // namespace agent_exporter::agents

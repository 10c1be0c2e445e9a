// `agent_exporter explain PID`: which rule took a process, and why the others did not.

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "exporter/commands.h"

namespace agent_exporter::exporter {
namespace {

const agents::TrackedProcess* FindMember(const agents::Tracker& tracker, pid_t pid) {
  for (const agents::TrackedProcess* member : tracker.members()) {
    if (member->stat.key.pid == pid) return member;
  }
  return nullptr;
}

// One sentence about where the process stands.
std::string Place(const agents::TrackedProcess* member, const agents::Tracker& tracker) {
  if (member == nullptr) return "It belongs to no agent.";
  const std::string agent = absl::StrCat("agent \"", member->group->name, "\"");
  if (member->role == agents::Role::kRoot) return absl::StrCat("It is a root of ", agent, ".");
  std::string text = absl::StrCat("It is a descendant of ", agent);
  if (member->orphan) absl::StrAppend(&text, ", orphaned: its parent ended");
  for (const agents::TrackedProcess* at = member; at != nullptr; at = FindMember(tracker, at->stat.ppid)) {
    if (at->role != agents::Role::kRoot || at->group != member->group) continue;
    absl::StrAppend(&text, " (root: pid ", at->stat.key.pid, ", ", base::LabelValue(at->stat.comm), ")");
    break;
  }
  if (member->match && member->match->agent == member->group->name) {
    absl::StrAppend(&text, "; a rule matches it too, but below the same agent it is no new root");
  }
  return text + ".";
}

}  // namespace

int RunExplain(const Options& options, std::ostream& out, std::ostream& err) {
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return Fail(watch.status(), err);
  agents::Observer& observer = (*watch)->observer();
  if (auto observation = observer.Observe(true); !observation.ok()) return Fail(observation.status(), err);

  std::vector<kernel::ProcessStat> rows;
  if (absl::Status status = (*watch)->source().ReadAll(&rows); !status.ok()) return Fail(status, err);
  const auto row =
      std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.key.pid == options.pid; });
  if (row == rows.end()) {
    return Fail(absl::NotFoundError(absl::StrCat("no process ", options.pid, " can be seen; ps -p ",
                                                 options.pid, " tells whether it runs")),
                err);
  }
  agents::LazyProcessFacts facts(row->key, row->comm, (*watch)->files(), (*watch)->unreadable());
  out << "pid " << options.pid << ", comm " << base::LabelValue(row->comm) << "\n"
      << Place(FindMember(observer.tracker(), options.pid), observer.tracker()) << "\n\nRules, in order:\n";
  const agents::RuleSet& rules = observer.rules();
  bool taken = false;
  for (const agents::RuleVerdict& verdict : rules.Explain(facts)) {
    const agents::Rule& rule = rules.rules()[verdict.rule];
    const char* mark = !verdict.matched ? "  no   " : taken ? "  later" : "  TAKEN";
    taken |= verdict.matched;
    out << mark << "  " << rule.origin << " (" << base::LabelValue(rule.name) << "): " << verdict.reason
        << "\n";
  }
  return 0;
}

}  // namespace agent_exporter::exporter

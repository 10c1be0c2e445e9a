// `agent_exporter explain PID|NAME`: which rule matched a process, and why the others did not.

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "exporter/commands.h"
#include "exporter/running_service.h"
#include "exporter/text_table.h"

namespace agent_exporter::exporter {
namespace {

const agents::TrackedProcess* FindMember(const agents::Tracker& tracker, pid_t pid) {
  for (const agents::TrackedProcess* member : tracker.members()) {
    if (member->stat.key.pid == pid) return member;
  }
  return nullptr;
}

// One sentence that says which agent the process belongs to.
std::string Place(const agents::TrackedProcess* member, const agents::Tracker& tracker) {
  if (member == nullptr) return "It belongs to no agent.";
  const std::string agent = absl::StrCat("agent \"", member->group->name, "\"");
  if (member->role == agents::Role::kRoot) return absl::StrCat("It is a root of ", agent, ".");
  std::string text = absl::StrCat("It is a descendant of ", agent);
  if (member->orphan) absl::StrAppend(&text, ", orphaned: its parent ended");
  if (member->adopter != nullptr && member->adopter->agent == member->group->name) {
    absl::StrAppend(&text, ", ", member->adopter->reason->what, " (", member->adopter->reason->origin, ")");
  }
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

std::optional<pid_t> PidOf(const std::string& text) {
  pid_t pid = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, pid);
  return error == std::errc() && stop == end && pid > 0 ? std::optional(pid) : std::nullopt;
}

std::string RuleName(const agents::Rule& rule) {
  return absl::StrCat(rule.origin, " (", base::LabelValue(rule.name), ")");
}

// One sample of the host, and what it says about single processes.
class Explainer {
 public:
  explicit Explainer(serve::Watch& watch) : watch_(watch) {}

  absl::Status Look() {
    if (auto observation = watch_.observer().Observe(true); !observation.ok()) return observation.status();
    return watch_.source().ReadAll(&rows_);
  }

  const kernel::ProcessStat* Find(pid_t pid) const {
    const auto found =
        std::find_if(rows_.begin(), rows_.end(), [pid](const auto& row) { return row.key.pid == pid; });
    return found == rows_.end() ? nullptr : &*found;
  }

  // The roots of the agent `name`, and all other processes that run a program or script with that name.
  std::vector<const kernel::ProcessStat*> Named(const std::string& name) {
    std::vector<const kernel::ProcessStat*> named;
    for (const kernel::ProcessStat& row : rows_) {
      const agents::TrackedProcess* const member = MemberOf(row);
      const bool root =
          member != nullptr && member->role == agents::Role::kRoot && member->group->name == name;
      if (root || (member == nullptr && !row.kernel_thread && IsCalled(row, name))) named.push_back(&row);
    }
    return named;
  }

  void Full(const kernel::ProcessStat& row, std::ostream& out) {
    agents::LazyProcessFacts facts = Facts(row);
    const agents::RuleSet& rules = watch_.observer().rules();
    const std::vector<agents::RuleVerdict> verdicts = rules.Explain(facts);
    out << "pid " << row.key.pid << ", comm " << Printable(row.comm) << "\n" << Standing(row) << "\n";
    if (const agents::RuleVerdict* nearest = agents::Nearest(verdicts)) out << NearestText(*nearest) << "\n";
    out << "\nRules, in order:\n";
    bool taken = false;
    for (const agents::RuleVerdict& verdict : verdicts) {
      const char* mark = !verdict.matched ? "  no   " : taken ? "  later" : "  TAKEN";
      taken |= verdict.matched;
      out << mark << "  " << RuleName(rules.rules()[verdict.rule]) << ": " << Printable(verdict.reason)
          << "\n";
    }
  }

  void Brief(const kernel::ProcessStat& row, std::ostream& out) {
    agents::LazyProcessFacts facts = Facts(row);
    const std::vector<agents::RuleVerdict> verdicts = watch_.observer().rules().Explain(facts);
    out << "pid " << row.key.pid << ", comm " << Printable(row.comm) << ": " << Standing(row);
    const auto taken =
        std::find_if(verdicts.begin(), verdicts.end(), [](const auto& v) { return v.matched; });
    if (taken != verdicts.end()) {
      out << " " << RuleName(watch_.observer().rules().rules()[taken->rule]) << " "
          << Printable(taken->reason);
    } else if (const agents::RuleVerdict* nearest = agents::Nearest(verdicts)) {
      out << " " << NearestText(*nearest);
    }
    out << "\n";
  }

 private:
  agents::LazyProcessFacts Facts(const kernel::ProcessStat& row) {
    return {row.key, row.comm, watch_.files(), watch_.unreadable()};
  }
  const agents::TrackedProcess* MemberOf(const kernel::ProcessStat& row) const {
    return FindMember(watch_.observer().tracker(), row.key.pid);
  }
  std::string Standing(const kernel::ProcessStat& row) const {
    return Printable(Place(MemberOf(row), watch_.observer().tracker()));
  }
  std::string NearestText(const agents::RuleVerdict& nearest) const {
    return absl::StrCat("Nearest: ", RuleName(watch_.observer().rules().rules()[nearest.rule]), ", but ",
                        Printable(nearest.reason), ".");
  }
  bool IsCalled(const kernel::ProcessStat& row, const std::string& name) {
    agents::LazyProcessFacts facts = Facts(row);
    const std::vector<std::string>& argv = facts.argv();
    const std::string script = agents::ScriptName(argv, "");
    return row.comm == name || (!argv.empty() && base::Basename(argv[0]) == name) || script == name ||
           agents::StripScriptExtension(script) == name;
  }

  serve::Watch& watch_;
  std::vector<kernel::ProcessStat> rows_;
};

}  // namespace

int RunExplain(const Options& asked, std::ostream& out, std::ostream& err) {
  constexpr size_t kMostShown = 20;
  const auto service = FindService(asked);
  if (absl::IsFailedPrecondition(service.status())) return Fail(service.status(), err);
  const Options options = service.ok() ? service->Applied(asked) : asked;
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return Fail(watch.status(), err);
  Explainer explainer(**watch);
  if (absl::Status status = explainer.Look(); !status.ok()) return Fail(status, err);

  std::vector<const kernel::ProcessStat*> rows;
  if (const std::optional<pid_t> pid = PidOf(options.target); pid.has_value()) {
    if (const kernel::ProcessStat* row = explainer.Find(*pid)) rows = {row};
  } else {
    rows = explainer.Named(options.target);
  }
  if (rows.empty()) {
    return Fail(absl::NotFoundError(absl::StrCat("no process ", Printable(options.target),
                                                 " can be seen; ps -ef lists what runs here")),
                err);
  }
  const std::string rules_of =
      service.ok() ? absl::StrCat("By the rules of ", service->Text(), ".")
                   : absl::StrCat("By the rules of ",
                                  options.config_file.empty() ? "the built-in profiles" : options.config_file,
                                  ": ", service.status().message(), ".");
  if (rows.size() == 1) {
    explainer.Full(*rows[0], out);
    out << rules_of << "\n";
    return 0;
  }
  for (size_t i = 0; i < std::min(rows.size(), kMostShown); ++i) explainer.Brief(*rows[i], out);
  if (rows.size() > kMostShown) out << rows.size() - kMostShown << " more\n";
  out << "\nagent_exporter explain PID shows one of them in detail.\n" << rules_of << "\n";
  return 0;
}

}  // namespace agent_exporter::exporter

#include "agents/rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agents/match_context.h"
#include "agents/rule_conditions.h"
#include "agents/rule_template.h"
#include "base/pidfile.h"
#include "base/user_names.h"

namespace agent_exporter::agents {
namespace {

struct CompiledRule {
  std::unique_ptr<re2::RE2> cmdline;  // null: no such condition
  std::vector<std::unique_ptr<Condition>> conditions;
  RuleTemplate name;
  RuleTemplate kind;
  RuleTemplate slot;
};

bool Matches(const CompiledRule& rule, MatchContext& context) {
  return std::all_of(rule.conditions.begin(), rule.conditions.end(),
                     [&context](const auto& condition) { return condition->Holds(context); });
}

absl::StatusOr<std::unique_ptr<re2::RE2>> CompileCmdline(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);  // argv holds newlines, as in sh -c with a whole script
  auto expression = std::make_unique<re2::RE2>(pattern, options);
  if (!expression->ok()) {
    return absl::InvalidArgumentError(absl::StrCat("cmdline ", base::Quoted(pattern),
                                                   " is no regular expression: ", expression->error(),
                                                   "; see RE2's syntax page"));
  }
  return expression;
}

absl::StatusOr<CompiledRule> Compile(const Rule& rule) {
  CompiledRule compiled;
  if (rule.name.empty()) return absl::InvalidArgumentError("the rule has no name; add name");
  if (!rule.cmdline.empty()) {
    absl::StatusOr<std::unique_ptr<re2::RE2>> cmdline = CompileCmdline(rule.cmdline);
    if (!cmdline.ok()) return cmdline.status();
    compiled.cmdline = *std::move(cmdline);
  }
  absl::StatusOr<std::vector<std::unique_ptr<Condition>>> conditions =
      MakeConditions(rule, compiled.cmdline.get());
  if (!conditions.ok()) return conditions.status();
  if (conditions->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rule ", base::Quoted(rule.name),
                     " has no condition and would match every process; add comm, script or another"));
  }
  compiled.conditions = *std::move(conditions);

  const std::pair<const std::string*, RuleTemplate*> templates[] = {
      {&rule.name, &compiled.name}, {&rule.kind, &compiled.kind}, {&rule.slot, &compiled.slot}};
  for (const auto& [text, target] : templates) {
    absl::StatusOr<RuleTemplate> parsed = RuleTemplate::Parse(*text, compiled.cmdline.get());
    if (!parsed.ok()) return parsed.status();
    *target = *std::move(parsed);
  }
  return compiled;
}

// What every condition has to say, in one line.
std::string AskAll(const CompiledRule& rule, MatchContext& context,
                   std::string (Condition::*question)(MatchContext&) const) {
  return absl::StrJoin(rule.conditions, ", ", [&](std::string* out, const auto& condition) {
    out->append((condition.get()->*question)(context));
  });
}

}  // namespace

struct RuleSet::Impl {
  std::vector<Rule> rules;
  std::vector<CompiledRule> compiled;  // by the same index
  base::UserNames users;
};

absl::StatusOr<RuleSet> RuleSet::Make(std::vector<Rule> rules) {
  auto impl = std::make_unique<Impl>();
  for (const Rule& rule : rules) {
    absl::StatusOr<CompiledRule> compiled = Compile(rule);
    if (!compiled.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(rule.origin, ": ", compiled.status().message()));
    }
    impl->compiled.push_back(*std::move(compiled));
  }
  impl->rules = std::move(rules);
  return RuleSet(std::move(impl));
}

RuleSet::RuleSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;
RuleSet::~RuleSet() = default;

const std::vector<Rule>& RuleSet::rules() const { return impl_->rules; }

std::vector<pid_t> RuleSet::PidfilePids() const {
  std::vector<pid_t> pids;
  for (const Rule& rule : impl_->rules) {
    for (const std::string& path : rule.pidfile) {
      if (const std::optional<pid_t> pid = base::ReadPidfile(path); pid.has_value()) pids.push_back(*pid);
    }
  }
  return pids;
}

std::optional<Match> RuleSet::Find(ProcessFacts& facts) const {
  MatchContext context(facts, impl_->users);
  for (size_t i = 0; i < impl_->compiled.size(); ++i) {
    const CompiledRule& rule = impl_->compiled[i];
    if (!Matches(rule, context)) continue;

    std::vector<std::string> captures;
    if (rule.name.uses_captures() || rule.kind.uses_captures() || rule.slot.uses_captures()) {
      captures = Captures(*rule.cmdline, context.Cmdline());
    }
    std::string agent = base::LabelValue(rule.name.Expand(context, captures));
    if (agent.empty()) agent = base::LabelValue(facts.comm());
    if (agent.empty()) agent = "unnamed";  // prctl(PR_SET_NAME, "") is allowed
    return Match{
        .agent = std::move(agent),
        .kind = base::LabelValue(rule.kind.Expand(context, captures)),
        .slot = base::LabelValue(rule.slot.Expand(context, captures)),
        .scope = impl_->rules[i].scope,
        .rule = i,
        .reason = std::make_shared<MatchReason>(MatchReason{.origin = impl_->rules[i].origin,
                                                            .rule = impl_->rules[i].name,
                                                            .what = AskAll(rule, context, &Condition::Why)})};
  }
  return std::nullopt;
}

std::vector<RuleVerdict> RuleSet::Explain(ProcessFacts& facts) const {
  MatchContext context(facts, impl_->users);
  std::vector<RuleVerdict> verdicts;
  for (size_t i = 0; i < impl_->compiled.size(); ++i) {
    const CompiledRule& rule = impl_->compiled[i];
    const auto failed =
        std::find_if(rule.conditions.begin(), rule.conditions.end(),
                     [&context](const auto& condition) { return !condition->Holds(context); });
    const bool matched = failed == rule.conditions.end();
    verdicts.push_back(
        {.rule = i,
         .matched = matched,
         .reason = matched ? absl::StrCat("matched: ", AskAll(rule, context, &Condition::Saw))
                           : absl::StrCat((*failed)->Saw(context), ", wants ", (*failed)->Wants())});
  }
  return verdicts;
}

}  // namespace agent_exporter::agents

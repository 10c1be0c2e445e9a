#include "agents/rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agents/match_context.h"
#include "agents/program_conditions.h"
#include "agents/rule_conditions.h"
#include "agents/rule_template.h"
#include "base/error_list.h"
#include "base/fnv1a.h"
#include "base/pidfile.h"
#include "base/user_names.h"

namespace agent_exporter::agents {
namespace {

struct CompiledRule {
  std::shared_ptr<const re2::RE2> cmdline;  // null: no such condition
  std::vector<std::unique_ptr<Condition>> conditions;
  RuleTemplate name;
  RuleTemplate kind;
  RuleTemplate slot;
  std::vector<std::unique_ptr<Condition>> adopt;  // by environment; empty: it does not adopt
};

bool Matches(const CompiledRule& rule, MatchContext& context) {
  return std::all_of(rule.conditions.begin(), rule.conditions.end(),
                     [&context](const auto& condition) { return condition->Holds(context); });
}

absl::StatusOr<CompiledRule> Compile(const Rule& rule) {
  CompiledRule compiled;
  if (rule.name.empty()) return absl::InvalidArgumentError("the rule has no name; add name");
  absl::StatusOr<std::shared_ptr<const re2::RE2>> cmdline = CompileCmdline(rule.cmdline);
  if (!cmdline.ok()) return cmdline.status();
  compiled.cmdline = *std::move(cmdline);
  absl::StatusOr<std::vector<std::unique_ptr<Condition>>> conditions = MakeConditions(rule, compiled.cmdline);
  if (!conditions.ok()) return conditions.status();
  if (conditions->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rule ", base::Quoted(rule.name),
                     " has no condition and would match every process; add comm, script or another"));
  }
  compiled.conditions = *std::move(conditions);
  for (const std::string& word : rule.adopt.environ) compiled.adopt.push_back(EnvironCondition({word}));

  const std::pair<const std::string*, RuleTemplate*> templates[] = {
      {&rule.name, &compiled.name}, {&rule.kind, &compiled.kind}, {&rule.slot, &compiled.slot}};
  for (const auto& [text, target] : templates) {
    absl::StatusOr<RuleTemplate> parsed = RuleTemplate::Parse(*text, compiled.cmdline.get());
    if (!parsed.ok()) return parsed.status();
    *target = *std::move(parsed);
  }
  return compiled;
}

// What each condition says, on one line.
std::string DescribeAll(const CompiledRule& rule, MatchContext& context,
                        std::string (Condition::*question)(MatchContext&) const) {
  return absl::StrJoin(rule.conditions, ", ", [&](std::string* out, const auto& condition) {
    out->append((condition.get()->*question)(context));
  });
}

bool SaysProgram(const MatchConditions& rule) {
  return !(rule.comm.empty() && rule.argv0.empty() && rule.exe.empty() && rule.script.empty() &&
           rule.package.empty() && rule.args.empty() && rule.cmdline.empty());
}

}  // namespace

struct RuleSet::Impl {
  std::vector<Rule> rules;
  std::vector<CompiledRule> compiled;  // by the same index
  base::UserNames users;
};

absl::StatusOr<RuleSet> RuleSet::Make(std::vector<Rule> rules) {
  auto impl = std::make_unique<Impl>();
  base::ErrorList errors;
  for (const Rule& rule : rules) {
    absl::StatusOr<CompiledRule> compiled = Compile(rule);
    if (compiled.ok()) {
      impl->compiled.push_back(*std::move(compiled));
    } else {
      errors.Add(absl::InvalidArgumentError(absl::StrCat(rule.origin, ": ", compiled.status().message())));
    }
  }
  if (!errors.empty()) return errors.status();
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

uint64_t RuleFingerprint(const Rule& rule) {
  std::string text;
  const auto add = [&text](const std::string& value) {
    absl::StrAppend(&text, value.size(), ":", value, ";");
  };
  const auto add_all = [&](const std::vector<std::string>& values) {
    absl::StrAppend(&text, values.size(), "[");
    for (const std::string& value : values) add(value);
  };
  for (const std::string* value : {&rule.name, &rule.kind, &rule.slot}) add(*value);
  for (const MatchConditions* conditions : {static_cast<const MatchConditions*>(&rule), &rule.except}) {
    for (const std::string* value : {&conditions->args, &conditions->cmdline}) add(*value);
    for (const auto* values : {&conditions->comm, &conditions->argv0, &conditions->exe, &conditions->script,
                               &conditions->package, &conditions->environ, &conditions->pidfile,
                               &conditions->user, &conditions->cgroup, &conditions->unit}) {
      add_all(*values);
    }
  }
  add_all(rule.adopt.environ);
  for (const std::string* value : {&rule.adopt.tmux_socket, &rule.adopt.tmux_sessions}) add(*value);
  absl::StrAppend(&text, rule.scope == Scope::kTree ? "tree" : "process");
  return base::Fnv1a(text);
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
    return Match{.agent = std::move(agent),
                 .kind = base::LabelValue(rule.kind.Expand(context, captures)),
                 .slot = base::LabelValue(rule.slot.Expand(context, captures)),
                 .scope = impl_->rules[i].scope,
                 .rule = i,
                 .own_rule = !impl_->rules[i].built_in,
                 .by_program = SaysProgram(impl_->rules[i]),
                 .reason = std::make_shared<MatchReason>(
                     MatchReason{.origin = impl_->rules[i].origin,
                                 .rule = impl_->rules[i].name,
                                 .what = DescribeAll(rule, context, &Condition::Why)})};
  }
  return std::nullopt;
}

Match RuleSet::AdoptedBy(size_t rule, std::string what) const {
  const Rule& by = impl_->rules[rule];
  return {.agent = base::LabelValue(by.name),
          .kind = base::LabelValue(by.kind),
          .slot = base::LabelValue(by.slot),
          .rule = rule,
          .own_rule = !by.built_in,
          .reason = std::make_shared<MatchReason>(
              MatchReason{.origin = by.origin, .rule = by.name, .what = std::move(what)})};
}

std::optional<Match> RuleSet::Adopter(ProcessFacts& facts) const {
  MatchContext context(facts, impl_->users);
  for (size_t i = 0; i < impl_->compiled.size(); ++i) {
    const auto& adopt = impl_->compiled[i].adopt;
    if (adopt.empty()) continue;
    const auto holds = [&](const auto& condition) { return condition->Holds(context); };
    if (std::all_of(adopt.begin(), adopt.end(), holds)) return AdoptedBy(i, "adopted by its environment");
  }
  return std::nullopt;
}

std::optional<Match> RuleSet::Adopter(const SessionPane& pane) const {
  for (size_t i = 0; i < impl_->rules.size(); ++i) {
    if (Adopts(impl_->rules[i].adopt, pane)) return AdoptedBy(i, "adopted by its tmux session");
  }
  return std::nullopt;
}

std::vector<RuleVerdict> RuleSet::Explain(ProcessFacts& facts) const {
  MatchContext context(facts, impl_->users);
  std::vector<RuleVerdict> verdicts;
  for (size_t i = 0; i < impl_->compiled.size(); ++i) {
    const CompiledRule& rule = impl_->compiled[i];
    RuleVerdict verdict{.rule = i};
    for (const auto& condition : rule.conditions) {
      if (condition->Holds(context)) {
        ++verdict.met;
        if (condition->NamesIt(context)) ++verdict.named;
      } else {
        absl::StrAppend(&verdict.reason, verdict.reason.empty() ? "" : "; ", condition->Saw(context),
                        ", wants ", condition->Wants());
      }
    }
    verdict.matched = verdict.met == rule.conditions.size();
    if (verdict.matched)
      verdict.reason = absl::StrCat("matched: ", DescribeAll(rule, context, &Condition::Saw));
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

const RuleVerdict* Nearest(const std::vector<RuleVerdict>& verdicts) {
  const RuleVerdict* nearest = nullptr;
  for (const RuleVerdict& verdict : verdicts) {
    if (verdict.matched) return nullptr;
    if (verdict.named == 0) continue;
    const auto rank = [](const RuleVerdict& v) { return std::pair(v.named, v.met); };
    if (nearest == nullptr || rank(verdict) > rank(*nearest)) nearest = &verdict;
  }
  return nearest;
}

}  // namespace agent_exporter::agents

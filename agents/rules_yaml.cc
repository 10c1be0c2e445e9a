#include "agents/rules_yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/nearest_word.h"
#include "base/yaml.h"
#include "re2/re2.h"

namespace agent_exporter::agents {
namespace {

const std::vector<std::string_view>& RuleKeys() {
  static const auto* const kKeys = new std::vector<std::string_view>{
      "name", "match", "kind", "slot", "scope", "adopt", "rate_limit_log", "rate_limit_patterns"};
  return *kKeys;
}

const std::vector<std::string_view>& ConditionKeys() {
  static const auto* const kKeys =
      new std::vector<std::string_view>{"comm",    "argv0",   "exe",  "script", "package", "args", "cmdline",
                                        "environ", "pidfile", "user", "cgroup", "unit",    "not"};
  return *kKeys;
}

using base::YamlError;
using base::YamlShape;
using base::YamlText;

// `key` is "match" or "not"; `known` are the keys allowed in it.
absl::Status ReadConditions(const YAML::Node& node, std::string_view file, const char* key,
                            const std::vector<std::string_view>& known, MatchConditions* conditions) {
  if (!node.IsMap() || node.size() == 0) {
    return YamlError(node, file,
                     absl::StrCat(key, " is ", node.IsMap() ? "empty" : YamlShape(node),
                                  "; write conditions into it, for instance {comm: codex}"));
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file, known));
  const std::pair<const char*, std::vector<std::string>*> lists[] = {
      {"comm", &conditions->comm},       {"argv0", &conditions->argv0},     {"exe", &conditions->exe},
      {"script", &conditions->script},   {"package", &conditions->package}, {"environ", &conditions->environ},
      {"pidfile", &conditions->pidfile}, {"user", &conditions->user},       {"cgroup", &conditions->cgroup},
      {"unit", &conditions->unit}};
  for (const auto& [name, target] : lists) {
    errors.Add(base::ReadYamlTexts(node[name], file, name, target));
  }
  for (const auto& [name, target] :
       {std::pair<const char*, std::string*>{"args", &conditions->args}, {"cmdline", &conditions->cmdline}}) {
    errors.Add(base::ReadYamlText(node[name], file, name, target));
  }
  return errors.status();
}

absl::Status ReadMatch(const YAML::Node& match, std::string_view file, Rule* rule) {
  base::ErrorList errors;
  errors.Add(ReadConditions(match, file, "match", ConditionKeys(), rule));
  if (!match.IsMap() || !match["not"].IsDefined()) return errors.status();
  std::vector<std::string_view> known = ConditionKeys();
  known.pop_back();  // "not" cannot contain "not"
  errors.Add(ReadConditions(match["not"], file, "not", known, &rule->except));
  return errors.status();
}

// The name of a rule without one: the only word that says what runs. Empty if there is more than one.
std::string DefaultName(const Rule& rule) {
  if (rule.comm.size() + rule.script.size() != 1) return "";
  const std::string& word = rule.comm.empty() ? rule.script[0] : rule.comm[0];
  return absl::StrReplaceAll(std::string(base::Basename(word)),
                             {{"{", "{{"}, {"}", "}}"}});  // a literal word, not a template
}

absl::StatusOr<Scope> ReadScope(const YAML::Node& node, std::string_view file) {
  absl::StatusOr<std::string> word = YamlText(node, file, "scope");
  if (!word.ok()) return word.status();
  if (*word == "tree") return Scope::kTree;
  if (*word == "process") return Scope::kProcess;
  return YamlError(node, file,
                   absl::StrCat("scope is ", base::Quoted(*word),
                                "; write tree (the process and all its descendants) or process"));
}

absl::Status ReadRateLimits(const YAML::Node& node, std::string_view file, Rule* rule) {
  const YAML::Node log = node["rate_limit_log"], patterns = node["rate_limit_patterns"];
  if (log.IsDefined()) {
    absl::StatusOr<std::string> path = YamlText(log, file, "rate_limit_log");
    if (!path.ok()) return path.status();
    if (path->front() != '/') return YamlError(log, file, "rate_limit_log must be an absolute path");
    if (rule->name.find('{') != std::string::npos) {
      return YamlError(log, file, "rate_limit_log belongs to one agent; give this rule a name without {}");
    }
    rule->rate_limit_log = *std::move(path);
  }
  if (!patterns.IsDefined()) return absl::OkStatus();
  if (!log.IsDefined()) return YamlError(patterns, file, "rate_limit_patterns needs rate_limit_log");
  if (!patterns.IsMap()) {
    return YamlError(patterns, file, "rate_limit_patterns must be a map such as {throttle: 'slow down'}");
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(patterns, file, {"529", "throttle", "quota", "429", "overloaded"}));
  for (const auto& entry : patterns) {
    const std::string& kind = entry.first.Scalar();
    const std::optional<std::string> pattern = errors.Take(YamlText(entry.second, file, kind));
    if (!pattern) continue;
    if (const RE2 compiled(*pattern, RE2::Quiet); !compiled.ok()) {
      errors.Add(YamlError(entry.second, file,
                           absl::StrCat("the expression for ", kind, " is not valid: ", compiled.error(),
                                        "; use RE2's syntax")));
    }
    rule->rate_limit_patterns[kind] = *pattern;
  }
  return errors.status();
}

absl::StatusOr<Rule> ReadRule(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap()) {
    return YamlError(node, file,
                     absl::StrCat("an agent is ", YamlShape(node), "; write name: and match: below a dash"));
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file, RuleKeys()));
  Rule rule;
  rule.origin = base::YamlPosition(node, file);
  if (node["match"].IsDefined()) {
    errors.Add(ReadMatch(node["match"], file, &rule));
  } else if (errors.empty()) {  // otherwise it may be misspelt
    errors.Add(YamlError(node, file, "an agent has no match; add one, for instance match: {comm: codex}"));
  }

  const std::pair<const char*, std::string*> words[] = {
      {"name", &rule.name}, {"kind", &rule.kind}, {"slot", &rule.slot}};
  for (const auto& [key, target] : words) {
    errors.Add(base::ReadYamlText(node[key], file, key, target));
  }
  if (node["scope"].IsDefined())
    rule.scope = errors.Take(ReadScope(node["scope"], file)).value_or(Scope::kTree);
  if (rule.name.empty()) rule.name = DefaultName(rule);
  if (rule.name.empty() && errors.empty()) {
    errors.Add(YamlError(
        node, file,
        "an agent has no name; add name: (it may be left out only if match has exactly one comm or script)"));
  }
  if (node["adopt"].IsDefined()) {
    rule.adopt = errors.Take(AdoptionFromYaml(node["adopt"], file)).value_or(Adoption());
    if ((rule.name + rule.kind + rule.slot).find('{') != std::string::npos) {
      errors.Add(YamlError(node["adopt"], file,
                           "adopt belongs to one agent; give this rule a name, kind and slot without {}"));
    }
  }
  errors.Add(ReadRateLimits(node, file, &rule));
  if (!errors.empty()) return errors.status();
  return rule;
}

}  // namespace

std::vector<Rule> RulesFromYaml(const YAML::Node& agents, std::string_view file, base::ErrorList* errors) {
  std::vector<Rule> rules;
  try {
    if (!agents.IsDefined() || agents.IsNull()) return rules;
    if (!agents.IsSequence()) {
      errors->Add(YamlError(
          agents, file,
          absl::StrCat("agents is ", YamlShape(agents), "; write a list, each agent below a dash")));
      return rules;
    }
    for (const YAML::Node& node : agents) {
      if (std::optional<Rule> rule = errors->Take(ReadRule(node, file))) rules.push_back(*std::move(rule));
    }
  } catch (const YAML::Exception& error) {
    errors->Add(absl::InvalidArgumentError(
        absl::StrCat(std::string(file), error.mark.is_null() ? "" : absl::StrCat(":", error.mark.line + 1),
                     ": ", error.msg, "; correct the YAML")));
  }
  return rules;
}

absl::StatusOr<std::vector<Rule>> RulesFromYaml(const YAML::Node& agents, std::string_view file) {
  base::ErrorList errors;
  std::vector<Rule> rules = RulesFromYaml(agents, file, &errors);
  if (!errors.empty()) return errors.status();
  return rules;
}

}  // namespace agent_exporter::agents

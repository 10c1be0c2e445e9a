#include "hooks/condition_config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <utility>

#include "base/error_list.h"
#include "base/label_value.h"
#include "base/yaml.h"
#include "hooks/hooks_config.h"

namespace agent_exporter::hooks {
namespace {

constexpr std::chrono::hours kLongestFor{24};

absl::StatusOr<ConditionOptions> ReadCondition(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap()) return base::YamlError(node, file, "a condition must be a map with name: and when:");
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file, {"name", "when", "for", "agents", "hooks"}));
  for (const char* key : {"name", "when"}) {
    if (!node[key].IsDefined()) {
      errors.Add(base::YamlError(node, file, fmt::format("a condition needs {}:", key)));
    }
  }
  if (!errors.empty()) return errors.status();
  ConditionOptions condition;
  errors.Add(base::ReadYamlText(node["name"], file, "name", &condition.name));
  condition.name = base::LabelValue(condition.name);
  if (const auto text = errors.Take(base::YamlText(node["when"], file, "when"))) {
    auto when = Condition::Parse(*text);
    if (when.ok()) condition.when = *std::move(when);
    if (!when.ok()) errors.Add(base::YamlError(node["when"], file, std::string(when.status().message())));
  }
  if (const YAML::Node length = node["for"]; length.IsDefined()) {
    const auto read =
        errors.Take(base::YamlDuration(length, file, "for", std::chrono::milliseconds(0), kLongestFor));
    condition.holds_for = read.value_or(condition.holds_for);
  }
  errors.Add(base::ReadYamlTexts(node["agents"], file, "agents", &condition.agents));
  auto hooks = errors.Take(HookListFromYaml(node["hooks"], file, "hooks", ConditionEvent(condition.name)));
  if (hooks) condition.hooks = *std::move(hooks);
  if (!errors.empty()) return errors.status();
  return condition;
}

}  // namespace

std::string ConditionEvent(const std::string& name) { return "condition " + name; }

absl::StatusOr<std::vector<ConditionOptions>> ConditionsFromYaml(const YAML::Node& list,
                                                                 std::string_view file) {
  std::vector<ConditionOptions> conditions;
  if (!list.IsDefined() || list.IsNull()) return conditions;
  if (!list.IsSequence()) {
    return base::YamlError(list, file, "conditions must be a list; write each condition below a dash");
  }
  base::ErrorList errors;
  std::map<std::string, std::string> seen;  // name, where
  for (const YAML::Node& node : list) {
    auto condition = errors.Take(ReadCondition(node, file));
    if (!condition) continue;
    const auto [first, inserted] = seen.emplace(condition->name, base::YamlPosition(node, file));
    if (!inserted) {
      errors.Add(base::YamlError(node, file,
                                 fmt::format("two conditions are called {}, the first at {}",
                                             base::Quoted(condition->name), first->second)));
    }
    conditions.push_back(*std::move(condition));
  }
  if (!errors.empty()) return errors.status();
  return conditions;
}

}  // namespace agent_exporter::hooks

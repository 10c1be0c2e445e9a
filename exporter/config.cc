#include "exporter/config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "agents/rules_yaml.h"
#include "base/error_list.h"
#include "base/user_file.h"
#include "base/yaml.h"
#include "hooks/agent_events.h"
#include "hooks/hooks_config.h"
#include "hooks/session_events.h"
#include "sessions/meta_config.h"

namespace agent_exporter::exporter {
namespace {

using std::chrono::milliseconds;

bool ParseNumber(std::string_view text, uint32_t* value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

absl::Status ReadScalars(const YAML::Node& root, std::string_view file, Config* config) {
  milliseconds sample_interval{0}, forget_after = config->forget_after;
  base::ErrorList errors;
  for (const absl::Status& status : {
           base::ReadYamlDuration(root["sample_interval"], file, "sample_interval", milliseconds(100),
                                  &sample_interval),
           base::ReadYamlDuration(root["forget_after"], file, "forget_after", milliseconds(0), &forget_after),
           base::ReadYamlDuration(root["collector_timeout"], file, "collector_timeout", milliseconds(1),
                                  &config->collector_timeout),
       }) {
    errors.Add(status);
  }
  if (root["sample_interval"]) config->sample_interval = sample_interval;
  config->forget_after = std::chrono::duration_cast<std::chrono::seconds>(forget_after);
  if (const YAML::Node node = root["max_agents"]) {
    uint32_t value = 0;
    if (!node.IsScalar() || !ParseNumber(node.Scalar(), &value) || value < 1 || value > 10000) {
      errors.Add(base::YamlError(node, file, "max_agents must be a whole number from 1 to 10000"));
    }
    config->max_agents = value;
  }
  if (const YAML::Node node = root["builtin_profiles"]) {
    if (!YAML::convert<bool>::decode(node, config->builtin_profiles)) {
      errors.Add(base::YamlError(node, file, "builtin_profiles must be true or false"));
    }
  }
  return errors.status();
}

absl::StatusOr<Config> FromYaml(const YAML::Node& root, std::string_view file) {
  base::ErrorList errors;
  std::vector<agents::Rule> rules;
  auto none = agents::RuleSet::Make({});
  if (!none.ok()) return none.status();
  Config config{.rules = *std::move(none)};
  if (root.IsDefined() && !root.IsNull()) {
    if (!root.IsMap())
      return base::YamlError(root, file, "the file must be a map; it starts with a key such as agents:");
    errors.Add(base::CheckYamlKeys(
        root, file,
        {"agents", "builtin_profiles", "sample_interval", "max_agents", "forget_after", "collector_timeout",
         "ledger", "meta", "sessions", "snapshot", "hooks", "conditions"}));
    rules = agents::RulesFromYaml(root["agents"], file, &errors);
    config.meta = errors.Take(sessions::MetaFromYaml(root["meta"], file))
                      .value_or(std::vector<sessions::MetaOptions>());
    config.hooks = errors
                       .Take(hooks::HooksFromYaml(root["hooks"], file,
                                                  {hooks::kOnLeak, hooks::kOnNearLimit, hooks::kOnExit,
                                                   hooks::kOnWaiting, hooks::kOnStuck}))
                       .value_or(std::vector<hooks::HookOptions>());
    config.conditions = errors.Take(hooks::ConditionsFromYaml(root["conditions"], file))
                            .value_or(std::vector<hooks::ConditionOptions>());
    config.sessions =
        errors.Take(sessions::SessionsFromYaml(root["sessions"], file)).value_or(sessions::SessionsConfig());
    errors.Add(ReadScalars(root, file, &config));
    errors.Add(ledger::ReadLedgerConfig(root["ledger"], file, &config.ledger));
    if (const YAML::Node node = root["snapshot"]; node.IsDefined()) {
      config.snapshot = errors.Take(snapshot::SnapshotFromYaml(node, file));
    }
  }
  if (config.builtin_profiles) {
    for (agents::Rule& rule : agents::BuiltInRules()) rules.push_back(std::move(rule));
  }
  if (std::optional<agents::RuleSet> compiled = errors.Take(agents::RuleSet::Make(std::move(rules)))) {
    config.rules = *std::move(compiled);
  }
  if (!errors.empty()) return errors.status();
  return config;
}

}  // namespace

absl::StatusOr<Config> DefaultConfig() { return FromYaml(YAML::Node(), ""); }

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file) {
  try {
    return FromYaml(YAML::Load(std::string(text)), file);
  } catch (const YAML::Exception& error) {
    return base::YamlSyntaxError(file, error);
  }
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  if (path.empty()) return DefaultConfig();
  auto text = base::ReadUserFile("the configuration file", path);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, path);
}

}  // namespace agent_exporter::exporter

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
#include "exporter/snapshot_meta_config.h"
#include "exporter/user_file.h"
#include "exporter/yaml_values.h"

namespace agent_exporter {
namespace {

using std::chrono::milliseconds;

bool ParseNumber(std::string_view text, uint32_t* value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

absl::Status ReadScalars(const YAML::Node& root, std::string_view file, Config* config) {
  milliseconds sample_interval{0}, forget_after = config->forget_after;
  for (absl::Status status : {
           ReadYamlDuration(root["sample_interval"], file, "sample_interval", milliseconds(100),
                            &sample_interval),
           ReadYamlDuration(root["forget_after"], file, "forget_after", milliseconds(0), &forget_after),
           ReadYamlDuration(root["collector_timeout"], file, "collector_timeout", milliseconds(1),
                            &config->collector_timeout),
       }) {
    if (!status.ok()) return status;
  }
  if (root["sample_interval"]) config->sample_interval = sample_interval;
  config->forget_after = std::chrono::duration_cast<std::chrono::seconds>(forget_after);
  if (const YAML::Node node = root["max_agents"]) {
    uint32_t value = 0;
    if (!node.IsScalar() || !ParseNumber(node.Scalar(), &value) || value < 1 || value > 10000) {
      return YamlError(node, file, "max_agents must be a whole number from 1 to 10000");
    }
    config->max_agents = value;
  }
  if (const YAML::Node node = root["builtin_profiles"]) {
    if (!YAML::convert<bool>::decode(node, config->builtin_profiles)) {
      return YamlError(node, file, "builtin_profiles must be true or false");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Config> FromYaml(const YAML::Node& root, std::string_view file) {
  std::vector<Rule> rules;
  auto none = RuleSet::Make({});
  if (!none.ok()) return none.status();
  Config config{.rules = *std::move(none)};
  if (root.IsDefined() && !root.IsNull()) {
    if (!root.IsMap())
      return YamlError(root, file, "the file must be a map; it starts with a key such as agents:");
    absl::Status status = CheckYamlKeys(root, file,
                                        {"agents", "builtin_profiles", "sample_interval", "max_agents",
                                         "forget_after", "collector_timeout", "ledger", "meta", "snapshot"});
    if (!status.ok()) return status;
    if (const YAML::Node agents = root["agents"]; agents && !agents.IsNull()) {
      auto own = RulesFromYaml(agents, file);
      if (!own.ok()) return own.status();
      rules = *std::move(own);
    }
    auto meta = MetaFromYaml(root["meta"], file);
    if (!meta.ok()) return meta.status();
    config.meta = *std::move(meta);
    status = ReadScalars(root, file, &config);
    if (!status.ok()) return status;
    status = ReadLedgerConfig(root["ledger"], file, &config.ledger);
    if (!status.ok()) return status;
    if (const YAML::Node node = root["snapshot"]; node.IsDefined()) {
      auto snapshot = SnapshotFromYaml(node, file);
      if (!snapshot.ok()) return snapshot.status();
      config.snapshot = *std::move(snapshot);
    }
  }
  if (config.builtin_profiles) {
    for (Rule& rule : BuiltInRules()) rules.push_back(std::move(rule));
  }
  auto compiled = RuleSet::Make(std::move(rules));
  if (!compiled.ok()) return compiled.status();
  config.rules = *std::move(compiled);
  return config;
}

}  // namespace

absl::StatusOr<Config> DefaultConfig() { return FromYaml(YAML::Node(), ""); }

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file) {
  try {
    return FromYaml(YAML::Load(std::string(text)), file);
  } catch (const YAML::Exception& error) {
    return YamlSyntaxError(file, error);
  }
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  if (path.empty()) return DefaultConfig();
  auto text = ReadUserFile("the configuration file", path);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, path);
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const size_t digits = text.find_first_not_of("0123456789");
  const std::string_view unit = digits == std::string_view::npos ? "" : text.substr(digits);
  int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "m") factor = 60 * 1000;
  if (unit == "h") factor = 3600 * 1000;
  if (unit == "d") factor = 24 * 3600 * 1000;
  uint32_t value = 0;
  if (factor == 0 || !ParseNumber(text.substr(0, digits), &value)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is not a duration; write a whole number and ms, s, m, h or d, such as 5s", text));
  }
  // Clocks count nanoseconds in 64 bits: what is far below their end can be added to any time.
  if (constexpr int64_t kLongest = int64_t{3650} * 24 * 3600 * 1000; factor * value > kLongest) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is too long; at most 3650d", text));
  }
  return std::chrono::milliseconds(factor * value);
}

}  // namespace agent_exporter

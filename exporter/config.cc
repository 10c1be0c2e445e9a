#include "exporter/config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "agents/rules_yaml.h"
#include "exporter/snapshot_meta_config.h"

namespace agent_exporter {
namespace {

bool ParseNumber(std::string_view text, uint32_t* value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

absl::Status BadValue(const YAML::Node& node, std::string_view file, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", YamlPosition(node, file), what));
}

template <typename Duration>
absl::Status ReadDuration(const YAML::Node& node, std::string_view file, std::string_view key,
                          Duration* value) {
  if (!node) return absl::OkStatus();
  if (!node.IsScalar()) return BadValue(node, file, fmt::format("{} must be a duration such as 5s", key));
  const auto parsed = ParseDuration(node.Scalar());
  if (!parsed.ok())
    return BadValue(node, file, fmt::format("{}: {}", key, std::string(parsed.status().message())));
  *value = std::chrono::duration_cast<Duration>(*parsed);
  return absl::OkStatus();
}

absl::Status ReadScalars(const YAML::Node& root, std::string_view file, Config* config) {
  std::chrono::milliseconds sample_interval{0};
  for (absl::Status status : {
           ReadDuration(root["sample_interval"], file, "sample_interval", &sample_interval),
           ReadDuration(root["forget_after"], file, "forget_after", &config->forget_after),
           ReadDuration(root["collector_timeout"], file, "collector_timeout", &config->collector_timeout),
       }) {
    if (!status.ok()) return status;
  }
  if (root["sample_interval"]) {
    if (sample_interval < std::chrono::milliseconds(100)) {
      return BadValue(root["sample_interval"], file, "sample_interval must be at least 100ms");
    }
    config->sample_interval = sample_interval;
  }
  if (config->collector_timeout < std::chrono::milliseconds(1)) {
    return BadValue(root["collector_timeout"], file, "collector_timeout must be at least 1ms");
  }
  if (const YAML::Node node = root["max_agents"]) {
    uint32_t value = 0;
    if (!node.IsScalar() || !ParseNumber(node.Scalar(), &value) || value < 1 || value > 10000) {
      return BadValue(node, file, "max_agents must be a whole number from 1 to 10000");
    }
    config->max_agents = value;
  }
  if (const YAML::Node node = root["builtin_profiles"]) {
    if (!YAML::convert<bool>::decode(node, config->builtin_profiles)) {
      return BadValue(node, file, "builtin_profiles must be true or false");
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
      return BadValue(root, file, "the file must be a map; it starts with a key such as agents:");
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
    return absl::InvalidArgumentError(fmt::format("{}:{}: not valid YAML: {}; check indentation and quotes",
                                                  file, error.mark.line + 1, error.msg));
  }
}

// With stdio and not a stream: a directory opens well and says what it is only when read, which a stream
// throws.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  std::string text;
  char buffer[4096];
  for (size_t got = 1; file != nullptr && got > 0; text.append(buffer, got)) {
    got = std::fread(buffer, 1, sizeof buffer, file.get());
  }
  if (file != nullptr && std::ferror(file.get()) == 0) return text;
  const int error = errno;
  const std::string what =
      fmt::format("cannot read the configuration file {}: {}", path, std::strerror(error));
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(what);
  return error == ENOENT ? absl::NotFoundError(what) : absl::FailedPreconditionError(what);
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  if (path.empty()) return DefaultConfig();
  auto text = ReadConfigFile(path);
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

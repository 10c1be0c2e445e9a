#include "ledger/ledger_config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "agents/rules_yaml.h"
#include "base/error_list.h"
#include "base/yaml.h"

namespace agent_exporter::ledger {
namespace {

constexpr std::chrono::seconds kLeastInterval{1};

absl::Status Bad(const YAML::Node& node, std::string_view file, std::string_view what) {
  return base::YamlError(node, file, fmt::format("ledger: {}", what));
}

absl::Status ReadDays(const YAML::Node& node, std::string_view file, std::string_view key, int* value) {
  if (!node) return absl::OkStatus();
  if (!YAML::convert<int>::decode(node, *value) || *value < 1 || *value > 3650) {
    return Bad(node, file, fmt::format("{} must be a whole number of days from 1 to 3650", key));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadLedgerConfig(const YAML::Node& section, std::string_view file, LedgerConfig* config) {
  if (!section || section.IsNull()) return absl::OkStatus();
  if (!section.IsMap()) return Bad(section, file, "must be a map, with keys such as retention_days:");
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(section, file,
                                 {"enabled", "sample_interval", "idle_sample_interval", "retention_days",
                                  "rate_limit_retention_days", "path"}));
  if (const YAML::Node node = section["enabled"]) {
    if (!YAML::convert<bool>::decode(node, config->enabled)) {
      errors.Add(Bad(node, file, "enabled must be true or false"));
    }
  }
  for (const absl::Status& read : {
           base::ReadYamlDuration(section["sample_interval"], file, "ledger: sample_interval", kLeastInterval,
                                  &config->sample_interval),
           base::ReadYamlDuration(section["idle_sample_interval"], file, "ledger: idle_sample_interval",
                                  kLeastInterval, &config->idle_sample_interval),
           ReadDays(section["retention_days"], file, "retention_days", &config->retention_days),
           ReadDays(section["rate_limit_retention_days"], file, "rate_limit_retention_days",
                    &config->rate_limit_retention_days),
       }) {
    errors.Add(read);
  }
  if (config->idle_sample_interval < config->sample_interval) {
    if (section["idle_sample_interval"] && errors.empty()) {
      errors.Add(Bad(section["idle_sample_interval"], file,
                     "idle_sample_interval is shorter than sample_interval; make it at least as long"));
    }
    config->idle_sample_interval = config->sample_interval;
  }
  if (const YAML::Node node = section["path"]) {
    if (node.IsScalar() && node.Scalar().starts_with('/')) {
      config->path = node.Scalar();
    } else {
      errors.Add(Bad(node, file, "path must be an absolute path to a file"));
    }
  }
  return errors.status();
}

}  // namespace agent_exporter::ledger

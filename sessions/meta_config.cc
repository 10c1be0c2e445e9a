#include "sessions/meta_config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <string>
#include <utility>

#include "agents/rules_yaml.h"
#include "base/error_list.h"
#include "base/label_value.h"
#include "base/yaml.h"

namespace agent_exporter::sessions {
namespace {

using Source = MetaOptions::Source;
using std::chrono::milliseconds;

constexpr milliseconds kCommandInterval{60'000};
constexpr milliseconds kLeastInterval{1'000};
constexpr milliseconds kMostInterval{24 * 3600 * 1000};
constexpr uint64_t kMaxContextWindow = 1'000'000'000;

absl::StatusOr<Source> ReadSource(const YAML::Node& node, std::string_view file) {
  auto word = base::YamlText(node["source"].IsDefined() ? node["source"] : node, file, "source");
  if (node["source"].IsDefined() && word.ok()) {
    for (const Source source : {Source::kClaudeCode, Source::kFile, Source::kCommand, Source::kNone}) {
      if (*word == SourceName(source)) return source;
    }
  }
  return base::YamlError(node["source"].IsDefined() ? node["source"] : node, file,
                         "source must be claude-code, file, command or none");
}

// Rejects keys that this source does not use, instead of ignoring them silently.
absl::Status CheckKeys(const YAML::Node& node, std::string_view file, Source source) {
  std::vector<std::string_view> known = {"agent", "source"};
  if (source != Source::kNone) known.emplace_back("interval");
  if (source == Source::kClaudeCode) known.insert(known.end(), {"context_window", "config_dir"});
  if (source == Source::kFile) known.emplace_back("path");
  if (source == Source::kCommand) known.emplace_back("command");
  return base::CheckYamlKeys(node, file, known);
}

absl::Status ReadTarget(const YAML::Node& node, std::string_view file, MetaOptions* options) {
  if (options->source == Source::kFile) {
    auto path = base::YamlText(node["path"].IsDefined() ? node["path"] : node, file, "path");
    if (!path.ok() || !path->starts_with('/')) {
      return base::YamlError(node["path"].IsDefined() ? node["path"] : node, file,
                             "source: file needs path:, an absolute path");
    }
    options->path = *std::move(path);
  }
  if (options->source == Source::kCommand) {
    if (!node["command"].IsDefined())
      return base::YamlError(node, file, "source: command needs command: [program, ...]");
    auto command = base::YamlCommand(node["command"], file, "command");
    if (!command.ok()) return command.status();
    options->command = *std::move(command);
    options->interval = kCommandInterval;
  }
  return absl::OkStatus();
}

absl::StatusOr<MetaOptions> ReadEntry(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap())
    return base::YamlError(node, file,
                           "an entry of meta must be a map; write agent: and source: under its dash");
  const auto source = ReadSource(node, file);
  if (!source.ok()) return source.status();
  if (absl::Status status = CheckKeys(node, file, *source); !status.ok()) return status;
  MetaOptions options{.source = *source};
  if (!node["agent"].IsDefined())
    return base::YamlError(node, file,
                           "an entry of meta needs agent:, the name of the agent (\"*\" for all)");
  auto agent = base::YamlText(node["agent"], file, "agent");
  if (!agent.ok()) return agent.status();
  options.agent = *std::move(agent);
  if (absl::Status status = ReadTarget(node, file, &options); !status.ok()) return status;
  if (const YAML::Node interval = node["interval"]; interval.IsDefined()) {
    const auto duration = base::YamlDuration(interval, file, "interval", kLeastInterval, kMostInterval);
    if (!duration.ok()) return duration.status();
    options.interval = *duration;
  }
  if (const YAML::Node directory = node["config_dir"]; directory.IsDefined()) {
    auto path = base::YamlText(directory, file, "config_dir");
    if (!path.ok() || !path->starts_with('/')) {
      return base::YamlError(directory, file, "config_dir must be an absolute path");
    }
    options.config_dir = *std::move(path);
  }
  if (const YAML::Node window = node["context_window"]; window.IsDefined()) {
    if (!YAML::convert<uint64_t>::decode(window, options.context_window.emplace()) ||
        *options.context_window < 1 || *options.context_window > kMaxContextWindow) {
      return base::YamlError(window, file,
                             "context_window must be a whole number of tokens, such as 1000000");
    }
  }
  return options;
}

}  // namespace

absl::StatusOr<std::vector<MetaOptions>> MetaFromYaml(const YAML::Node& meta, std::string_view file) {
  std::vector<MetaOptions> result;
  if (!meta.IsDefined() || meta.IsNull()) return result;
  if (!meta.IsSequence())
    return base::YamlError(meta, file, "meta must be a list; write each entry under a dash");
  base::ErrorList errors;
  for (const YAML::Node& node : meta) {
    if (auto options = errors.Take(ReadEntry(node, file))) result.push_back(*std::move(options));
  }
  if (!errors.empty()) return errors.status();
  return result;
}

}  // namespace agent_exporter::sessions

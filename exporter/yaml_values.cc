#include "exporter/yaml_values.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <utility>

#include "agents/label_value.h"
#include "agents/rules_yaml.h"
#include "exporter/config.h"

namespace agent_exporter {
namespace {

using std::chrono::milliseconds;

absl::StatusOr<milliseconds> AnyDuration(const YAML::Node& node, std::string_view file,
                                         std::string_view key) {
  if (!node.IsScalar()) return YamlError(node, file, fmt::format("{} must be a duration such as 5s", key));
  auto parsed = ParseDuration(node.Scalar());
  if (parsed.ok()) return parsed;
  return YamlError(node, file, fmt::format("{}: {}", key, std::string(parsed.status().message())));
}

}  // namespace

absl::Status YamlError(const YAML::Node& node, std::string_view file, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", YamlPosition(node, file), what));
}

absl::Status YamlSyntaxError(std::string_view file, const YAML::Exception& error) {
  return absl::InvalidArgumentError(fmt::format("{}:{}: not valid YAML: {}; check indentation and quotes",
                                                file, error.mark.line + 1, error.msg));
}

absl::StatusOr<std::string> YamlText(const YAML::Node& node, std::string_view file, std::string_view key) {
  if (!node.IsDefined() || !node.IsScalar() || node.Scalar().empty()) {
    return YamlError(node, file, fmt::format("{} must be a text that is not empty", key));
  }
  if (node.Scalar().find('\0') != std::string::npos) {
    return YamlError(node, file, fmt::format("{} holds a NUL; remove it", key));
  }
  return node.Scalar();
}

absl::StatusOr<std::vector<std::string>> YamlTexts(const YAML::Node& node, std::string_view file,
                                                   std::string_view key) {
  std::vector<std::string> texts;
  if (!node.IsDefined() || !node.IsSequence()) {
    absl::StatusOr<std::string> text = YamlText(node, file, key);
    if (!text.ok()) return text.status();
    texts.push_back(*std::move(text));
    return texts;
  }
  for (const YAML::Node& item : node) {
    absl::StatusOr<std::string> text = YamlText(item, file, fmt::format("an entry of {}", key));
    if (!text.ok()) return text.status();
    texts.push_back(*std::move(text));
  }
  if (texts.empty())
    return YamlError(node, file, fmt::format("{} is an empty list; fill it or remove it", key));
  return texts;
}

absl::StatusOr<std::vector<std::string>> YamlCommand(const YAML::Node& node, std::string_view file,
                                                     std::string_view key) {
  if (!node.IsSequence() || node.size() == 0) {
    return YamlError(
        node, file,
        fmt::format("{} must be a list, the program first, since no shell splits it: [/bin/x, -a]", key));
  }
  std::vector<std::string> command;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar() || item.Scalar().find('\0') != std::string::npos) {
      return YamlError(item, file, fmt::format("an entry of {} is no text; quote it", key));
    }
    command.push_back(item.Scalar());
  }
  if (command.front().empty()) return YamlError(node, file, fmt::format("{} names no program", key));
  return command;
}

absl::StatusOr<milliseconds> YamlDuration(const YAML::Node& node, std::string_view file, std::string_view key,
                                          milliseconds least, milliseconds most) {
  const auto parsed = AnyDuration(node, file, key);
  if (!parsed.ok()) return parsed.status();
  if (*parsed < least || *parsed > most) {
    return YamlError(
        node, file,
        fmt::format("{} is {}; it must be from {} to {}", key, Quoted(node.Scalar()), least, most));
  }
  return *parsed;
}

absl::Status ReadYamlDuration(const YAML::Node& node, std::string_view file, std::string_view key,
                              milliseconds least, milliseconds* value) {
  if (!node.IsDefined()) return absl::OkStatus();
  const auto parsed = AnyDuration(node, file, key);
  if (!parsed.ok()) return parsed.status();
  if (*parsed < least) {
    const bool whole = least % std::chrono::seconds(1) == milliseconds(0);
    return YamlError(node, file,
                     whole ? fmt::format("{} must be at least {}s", key, least / std::chrono::seconds(1))
                           : fmt::format("{} must be at least {}ms", key, least.count()));
  }
  *value = *parsed;
  return absl::OkStatus();
}

}  // namespace agent_exporter

#include "base/yaml.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/error_list.h"
#include "base/label_value.h"
#include "base/nearest_word.h"

namespace agent_exporter::base {
namespace {

using std::chrono::milliseconds;

absl::StatusOr<milliseconds> AnyDuration(const YAML::Node& node, std::string_view file,
                                         std::string_view key) {
  if (!node.IsScalar()) return YamlError(node, file, fmt::format("{} must be a duration such as 5s", key));
  auto parsed = ParseDuration(node.Scalar());
  if (parsed.ok()) return parsed;
  return YamlError(node, file, fmt::format("{}: {}", key, std::string(parsed.status().message())));
}

template <typename Value>
absl::Status Store(absl::StatusOr<Value> read, Value* value) {
  if (!read.ok()) return read.status();
  *value = *std::move(read);
  return absl::OkStatus();
}

}  // namespace

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
  if (factor == 0 || !absl::SimpleAtoi(std::string(text.substr(0, digits)), &value)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is not a duration; write a whole number and ms, s, m, h or d, such as 5s", text));
  }
  // Clocks count nanoseconds in 64 bits. This limit lets a duration be added to any time without overflow.
  if (constexpr int64_t kLongest = int64_t{3650} * 24 * 3600 * 1000; factor * value > kLongest) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is too long; at most 3650d", text));
  }
  return std::chrono::milliseconds(factor * value);
}

std::string YamlPosition(const YAML::Node& node, std::string_view file) {
  // Mark() throws for a missing key, and has no line for a node that was not parsed from a file.
  if (!node.IsDefined() || node.Mark().is_null()) return std::string(file);
  return absl::StrCat(std::string(file), ":", node.Mark().line + 1);
}

absl::Status CheckYamlKeys(const YAML::Node& node, std::string_view file,
                           const std::vector<std::string_view>& known) {
  ErrorList errors;
  std::map<std::string, std::string> seen;  // key, where
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      errors.Add(YamlError(entry.first, file,
                           absl::StrCat("a key is ", YamlShape(entry.first), "; use a plain word")));
      continue;
    }
    const std::string& key = entry.first.Scalar();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string_view nearest = NearestWord(key, known);
      errors.Add(YamlError(
          entry.first, file,
          absl::StrCat(
              "unknown key ", Quoted(key), "; ",
              nearest.empty()
                  ? absl::StrCat("known keys: ",
                                 absl::StrJoin(std::vector<std::string>(known.begin(), known.end()), ", "))
                  : absl::StrCat("did you mean ", std::string(nearest), "?"))));
    }
    const auto [first, inserted] = seen.emplace(key, YamlPosition(entry.first, file));
    if (!inserted) {
      errors.Add(YamlError(
          entry.first, file,
          absl::StrCat("duplicate key ", Quoted(key), ", first at ", first->second, "; remove one")));
    }
  }
  return errors.status();
}

absl::Status YamlError(const YAML::Node& node, std::string_view file, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", YamlPosition(node, file), what));
}

const char* YamlShape(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return "empty";
  if (node.IsMap()) return "a map";
  return node.IsSequence() ? "a list" : "a word";
}

absl::Status YamlSyntaxError(std::string_view file, const YAML::Exception& error) {
  return absl::InvalidArgumentError(fmt::format("{}:{}: not valid YAML: {}; check indentation and quotes",
                                                file, error.mark.line + 1, error.msg));
}

absl::StatusOr<std::string> YamlText(const YAML::Node& node, std::string_view file, std::string_view key) {
  if (!node.IsDefined() || !node.IsScalar()) {
    return YamlError(node, file,
                     fmt::format("{} is {}; give it one word or a quoted text", key, YamlShape(node)));
  }
  if (node.Scalar().empty()) {
    return YamlError(node, file, fmt::format("{} is an empty word; fill it in or remove it", key));
  }
  if (node.Scalar().find('\0') != std::string::npos) {
    return YamlError(node, file, fmt::format("{} contains a NUL byte; remove it", key));
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

absl::Status ReadYamlText(const YAML::Node& node, std::string_view file, std::string_view key,
                          std::string* value) {
  return node.IsDefined() ? Store(YamlText(node, file, key), value) : absl::OkStatus();
}

absl::Status ReadYamlTexts(const YAML::Node& node, std::string_view file, std::string_view key,
                           std::vector<std::string>* value) {
  return node.IsDefined() ? Store(YamlTexts(node, file, key), value) : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> YamlCommand(const YAML::Node& node, std::string_view file,
                                                     std::string_view key) {
  if (!node.IsSequence() || node.size() == 0) {
    return YamlError(
        node, file,
        fmt::format("{} must be a list of the program and its arguments (there is no shell): [/bin/x, -a]",
                    key));
  }
  std::vector<std::string> command;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar() || item.Scalar().find('\0') != std::string::npos) {
      return YamlError(item, file, fmt::format("an entry of {} is not a string; quote it", key));
    }
    command.push_back(item.Scalar());
  }
  if (command.front().empty()) return YamlError(node, file, fmt::format("{} has an empty program name", key));
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

}  // namespace agent_exporter::base

// Reads values from configuration files: strings, lists, commands, durations.
//
// Thread safety: free functions without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do". `key` is the name of the value in messages.

#ifndef AGENT_EXPORTER_BASE_YAML_H_
#define AGENT_EXPORTER_BASE_YAML_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace YAML {
class Exception;
class Node;
}  // namespace YAML

namespace agent_exporter::base {

// "500ms", "5s", "2m", "1h", "7d", at most 3650d; InvalidArgument otherwise.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "file:line" of a node, for messages; "file" if the node is missing.
std::string YamlPosition(const YAML::Node& node, std::string_view file);

// InvalidArgument if the map `node` has duplicate keys, or keys that are not in `known`: a line for each,
// which suggests the nearest known key.
absl::Status CheckYamlKeys(const YAML::Node& node, std::string_view file,
                           const std::vector<std::string_view>& known);

absl::Status YamlError(const YAML::Node& node, std::string_view file, std::string_view what);

// "a map", "a list", "a word" or "empty", for messages.
const char* YamlShape(const YAML::Node& node);

// The error for a file that is not valid YAML.
absl::Status YamlSyntaxError(std::string_view file, const YAML::Exception& error);

// A non-empty string.
absl::StatusOr<std::string> YamlText(const YAML::Node& node, std::string_view file, std::string_view key);

// A string or a list of strings: at least one, none of them empty.
absl::StatusOr<std::vector<std::string>> YamlTexts(const YAML::Node& node, std::string_view file,
                                                   std::string_view key);

// The same two for an optional key: if it is missing, *value is unchanged.
absl::Status ReadYamlText(const YAML::Node& node, std::string_view file, std::string_view key,
                          std::string* value);
absl::Status ReadYamlTexts(const YAML::Node& node, std::string_view file, std::string_view key,
                           std::vector<std::string>* value);

// A program and its arguments, as a non-empty list.
absl::StatusOr<std::vector<std::string>> YamlCommand(const YAML::Node& node, std::string_view file,
                                                     std::string_view key);

// A duration such as "5s", from `least` to `most`.
absl::StatusOr<std::chrono::milliseconds> YamlDuration(const YAML::Node& node, std::string_view file,
                                                       std::string_view key, std::chrono::milliseconds least,
                                                       std::chrono::milliseconds most);

// A duration of at least `least`. If the key is missing, *value is unchanged.
absl::Status ReadYamlDuration(const YAML::Node& node, std::string_view file, std::string_view key,
                              std::chrono::milliseconds least, std::chrono::milliseconds* value);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_YAML_H_

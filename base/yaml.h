// Reads values of configuration files: words, lists, commands, durations.
//
// Thread safety: free functions without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do". `key` is how the value is called there.

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

// "file:line" of a node, for messages; "file" for a missing one.
std::string YamlPosition(const YAML::Node& node, std::string_view file);

// InvalidArgument when the map `node` has a key twice or keys that are not in `known`, a line for each; names
// the nearest known key.
absl::Status CheckYamlKeys(const YAML::Node& node, std::string_view file,
                           const std::vector<std::string_view>& known);

absl::Status YamlError(const YAML::Node& node, std::string_view file, std::string_view what);

// Of text that is no YAML.
absl::Status YamlSyntaxError(std::string_view file, const YAML::Exception& error);

// A text that is not empty.
absl::StatusOr<std::string> YamlText(const YAML::Node& node, std::string_view file, std::string_view key);

// A text or a list of texts, none empty, at least one.
absl::StatusOr<std::vector<std::string>> YamlTexts(const YAML::Node& node, std::string_view file,
                                                   std::string_view key);

// A program and its arguments: a list, whose first entry is a path or a name without blanks.
absl::StatusOr<std::vector<std::string>> YamlCommand(const YAML::Node& node, std::string_view file,
                                                     std::string_view key);

// "5s" and the like, within limits.
absl::StatusOr<std::chrono::milliseconds> YamlDuration(const YAML::Node& node, std::string_view file,
                                                       std::string_view key, std::chrono::milliseconds least,
                                                       std::chrono::milliseconds most);

// The same of a key that may be missing: *value then stays as it is.
absl::Status ReadYamlDuration(const YAML::Node& node, std::string_view file, std::string_view key,
                              std::chrono::milliseconds least, std::chrono::milliseconds* value);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_YAML_H_

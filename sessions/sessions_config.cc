#include "sessions/sessions_config.h"

#include <yaml-cpp/yaml.h>

#include "base/error_list.h"
#include "base/yaml.h"

namespace agent_exporter::sessions {
namespace {

constexpr uint64_t kMostTokensInWindow = 1'000'000'000;

}  // namespace

absl::StatusOr<SessionsConfig> SessionsFromYaml(const YAML::Node& sessions, std::string_view file) {
  SessionsConfig config;
  if (!sessions.IsDefined() || sessions.IsNull()) return config;
  if (sessions.IsScalar() && YAML::convert<bool>::decode(sessions, config.enabled)) return config;
  if (!sessions.IsMap())
    return base::YamlError(sessions, file, "sessions must be on, off or a map; write sessions: off");
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(sessions, file, {"context_windows"}));
  const YAML::Node windows = sessions["context_windows"];
  if (windows.IsDefined() && !windows.IsMap()) {
    errors.Add(base::YamlError(
        windows, file, "context_windows must be a map of models to tokens, such as \"gpt-*\": 400000"));
  } else if (windows.IsDefined()) {
    for (const auto& entry : windows) {
      uint64_t tokens = 0;
      if (!entry.first.IsScalar() || !YAML::convert<uint64_t>::decode(entry.second, tokens) || tokens < 1 ||
          tokens > kMostTokensInWindow) {
        errors.Add(base::YamlError(entry.second, file,
                                   "a context window must be a whole number of tokens, such as 1000000"));
      } else {
        config.context_windows[entry.first.Scalar()] = tokens;
      }
    }
  }
  if (!errors.empty()) return errors.status();
  return config;
}

}  // namespace agent_exporter::sessions

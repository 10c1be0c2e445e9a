// Reads the `sessions:` part of a configuration file: whether the files of agents' sessions are read, and how
// large the context windows of models are.
//
//   sessions: off                 # read no file of any session
//
//   sessions:
//     context_windows:            # tokens, by model; a * at the end stands for any rest
//       "claude-opus-4-*": 1000000
//
// Thread safety: free function without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_SESSIONS_SESSIONS_CONFIG_H_
#define AGENT_EXPORTER_SESSIONS_SESSIONS_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace YAML {
class Node;
}

namespace agent_exporter::sessions {

struct SessionsConfig {
  bool enabled = true;
  std::map<std::string, uint64_t> context_windows;
};

// `sessions` is the value of the key. The defaults if it is missing or empty.
absl::StatusOr<SessionsConfig> SessionsFromYaml(const YAML::Node& sessions, std::string_view file);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSIONS_CONFIG_H_

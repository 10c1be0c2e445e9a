// Reads the `meta:` part of a configuration file: the sources of agent_meta (sessions/meta.h). Claude Code
// needs no entry.
//
//   meta:
//     - agent: reviewer              # the agent's name, or a prefix that ends in *
//       source: claude-code          # claude-code, file, command or none
//       context_window: 1000000      # claude-code: tokens; default by model
//       config_dir: /srv/claude      # claude-code: its CLAUDE_CONFIG_DIR; default ~/.claude
//     - agent: "worker-*"
//       source: file
//       path: /run/worker/{agent}.json
//     - agent: builder
//       source: command
//       command: [/usr/local/bin/builder-status, --json]   # run without a shell, for at most 5 s
//       interval: 60s                # at most this often; default 5s, commands 60s
//
// The first entry that matches an agent applies.
//
// Thread safety: free function without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_SESSIONS_META_CONFIG_H_
#define AGENT_EXPORTER_SESSIONS_META_CONFIG_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sessions/meta.h"

namespace YAML {
class Node;
}

namespace agent_exporter::sessions {

// `meta` is the value of the key. Returns an empty list if it is missing or empty.
absl::StatusOr<std::vector<MetaOptions>> MetaFromYaml(const YAML::Node& meta, std::string_view file);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_CONFIG_H_

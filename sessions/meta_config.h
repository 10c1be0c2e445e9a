// The `meta:` part of a configuration file: where agents' agent_meta comes from (sessions/meta.h). Claude
// Code needs no entry.
//
//   meta:
//     - agent: reviewer              # whose, by name; a * at the end stands for any rest
//       source: claude-code          # claude-code, file, command or none
//       context_window: 1000000      # claude-code: tokens; default 200000
//       config_dir: /srv/claude      # claude-code: its CLAUDE_CONFIG_DIR; default ~/.claude of its owner
//     - agent: "worker-*"
//       source: file
//       path: /run/worker/{agent}.json
//     - agent: builder
//       source: command
//       command: [/usr/local/bin/builder-status, --json]   # argv, run without a shell, for at most 5 s
//       interval: 60s                # at most this often; default 5s, commands 60s
//
// The first entry that is for an agent counts.
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

// `meta` is what stands below the key; nothing where it is missing or empty.
absl::StatusOr<std::vector<MetaOptions>> MetaFromYaml(const YAML::Node& meta, std::string_view file);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_CONFIG_H_

// The `hooks:` part of `snapshot:` in a configuration file: what to run when something changes.
//
//   snapshot:
//     hooks:
//       on_diff:
//         - name: pager                            # optional; by default the program's or the host's name
//           command: [/usr/local/bin/notify, -q]   # argv, run without a shell
//           agents: [claude, "worker-*"]           # optional; one name or a list; default all
//           timeout: 5s                            # optional; at most and by default 10s
//         - url: https://hooks.example.org/changed # POST; timeout at most and by default 5s
//
// Thread safety: free function without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_HOOKS_CONFIG_H_
#define AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_HOOKS_CONFIG_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "snapshot/hooks.h"

namespace YAML {
class Node;
}

namespace agent_exporter::snapshot {

// `hooks` is the value of the key. No hooks if it is missing or empty.
absl::StatusOr<std::vector<HookOptions>> HooksFromYaml(const YAML::Node& hooks, std::string_view file);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_HOOKS_CONFIG_H_

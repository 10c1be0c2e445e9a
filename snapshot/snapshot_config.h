// The `snapshot:` part of the configuration file; docs/snapshot.md has an example of each key.
//
//   snapshot:
//     dir: ~/.cache/agent_exporter
//     interval: 60s
//     names: [claude, bun, node]
//     agents:
//       - codex
//       - name: claude
//         session: work
//         sidecars: [{name: proxy, pidfile: /run/proxy.pid}]
//     ignore: [agent_meta.pane_tail]
//     min_change: {load1: 0.5, mem_used_bytes: 5%}
//     hooks: {…}                # hooks/hooks_config.h, on_diff
//
// Thread safety: free functions without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_CONFIG_H_
#define AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_CONFIG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hooks/hook_pool.h"
#include "snapshot/options.h"

namespace YAML {
class Node;
}

namespace agent_exporter::snapshot {

struct SnapshotConfig {
  SnapshotOptions options;  // dir is empty if the file sets none
  std::vector<hooks::HookOptions> hooks;
};

absl::StatusOr<SnapshotConfig> SnapshotFromYaml(const YAML::Node& node, std::string_view file);

// The first of `flag`, `configured` and the default that is not empty, with ~ expanded.
std::string SnapshotDir(const std::string& flag, const std::string& configured);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_CONFIG_H_

// Lists of hooks in a configuration file, each below the event that its hooks wait for.
//
//   on_diff:
//     - name: pager                            # optional; by default the program's or the host's name
//       command: [/usr/local/bin/notify, -q]   # argv, run without a shell
//       agents: [claude, "worker-*"]           # optional; one name or a list; default all
//       timeout: 5s                            # optional; at most and by default 10s
//     - url: https://hooks.example.org/changed # POST; timeout at most and by default 5s
//
// Thread safety: free functions without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_HOOKS_HOOKS_CONFIG_H_
#define AGENT_EXPORTER_HOOKS_HOOKS_CONFIG_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hooks/hook_pool.h"

namespace YAML {
class Node;
}

namespace agent_exporter::hooks {

// One list, of hooks that wait for `event`. `key` names the list in messages. No hooks if it is missing or
// empty.
absl::StatusOr<std::vector<HookOptions>> HookListFromYaml(const YAML::Node& list, std::string_view file,
                                                          const char* key, const std::string& event);

// A map of such lists; their keys are `events`.
absl::StatusOr<std::vector<HookOptions>> HooksFromYaml(const YAML::Node& hooks, std::string_view file,
                                                       std::initializer_list<const char*> events);

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_HOOKS_CONFIG_H_

// The `conditions:` of a configuration file.
//
//   conditions:
//     - name: many_fds
//       when: agent_self.open_fds > 500          # hooks/condition.h
//       for: 30s                                 # optional: how long it holds before hooks are told
//       agents: [codex, "worker-*"]              # optional; default all
//       hooks:                                   # optional, as in hooks/hooks_config.h
//         - command: [/usr/local/bin/notify]
//
// Thread safety: free function without state.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_HOOKS_CONDITION_CONFIG_H_
#define AGENT_EXPORTER_HOOKS_CONDITION_CONFIG_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hooks/condition.h"
#include "hooks/hook_pool.h"

namespace YAML {
class Node;
}

namespace agent_exporter::hooks {

struct ConditionOptions {
  std::string name;  // unique
  Condition when;
  std::chrono::milliseconds holds_for{0};
  std::vector<std::string> agents;  // as HookOptions::agents
  std::vector<HookOptions> hooks;   // wait for the event "condition NAME"
};

// The event of the condition called `name`.
std::string ConditionEvent(const std::string& name);

absl::StatusOr<std::vector<ConditionOptions>> ConditionsFromYaml(const YAML::Node& list,
                                                                 std::string_view file);

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_CONDITION_CONFIG_H_

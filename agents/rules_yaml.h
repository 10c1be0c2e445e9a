// The `agents:` part of a configuration file, as rules.
//
//   agents:
//     - name: codex            # template, see agents/rules.h
//       match: {comm: codex}   # conditions, each a word or a list of words (args, cmdline: one text):
//                              # comm, argv0, exe, script, package, args, cmdline, environ, pidfile, user,
//                              # cgroup, unit; below not: those that must not hold
//       kind: coder            # optional
//       slot: "{1}"            # optional
//       scope: tree            # or process
//       rate_limit_log: /var/log/codex.log            # optional: follow it for rate limits
//       rate_limit_patterns: {throttle: 'slow down'}  # optional, RE2: 529, throttle, quota, 429, overloaded
//
// A rule without a name takes it from its match, if that has exactly one word in comm and script together:
// that word, or its last component if it is a path.
//
// Thread safety: free functions without state. Errors: InvalidArgument "file:line: what is wrong; what to
// do", one line each (base/error_list.h). Unknown keys are errors, because ignoring a misspelt condition
// would watch the wrong process.

#ifndef AGENT_EXPORTER_AGENTS_RULES_YAML_H_
#define AGENT_EXPORTER_AGENTS_RULES_YAML_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agents/rules.h"
#include "base/error_list.h"
#include "base/yaml.h"

namespace YAML {
class Node;
}

namespace agent_exporter::agents {

// `agents` is the sequence below the key `agents`; no rules if it is missing or empty.
absl::StatusOr<std::vector<Rule>> RulesFromYaml(const YAML::Node& agents, std::string_view file);
// The same, but returns the valid rules and adds the errors of the others to *errors.
std::vector<Rule> RulesFromYaml(const YAML::Node& agents, std::string_view file, base::ErrorList* errors);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RULES_YAML_H_

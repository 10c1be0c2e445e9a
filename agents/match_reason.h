// Why a process is an agent's root: the rule that matched and the conditions that held.
//
// Ownership: made once per match and shared by every observation that shows the process.
// Thread safety: immutable.

#ifndef AGENT_EXPORTER_AGENTS_MATCH_REASON_H_
#define AGENT_EXPORTER_AGENTS_MATCH_REASON_H_

#include <string>

namespace agent_exporter::agents {

struct MatchReason {
  std::string origin;  // "agents.yaml:12", "built-in profile codex"
  std::string rule;    // the rule's name as written, with template fields
  // The value each condition matched, in printable ASCII: `comm is "codex", user is "ci"`. For conditions on
  // the command line, which may contain secrets, it has the expression instead.
  std::string what;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_MATCH_REASON_H_

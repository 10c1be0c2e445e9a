// Why a process is an agent's root: which rule took it, and by what.
//
// Ownership: made once per match and shared by every observation that shows the process.
// Thread safety: immutable.

#ifndef AGENT_EXPORTER_AGENTS_MATCH_REASON_H_
#define AGENT_EXPORTER_AGENTS_MATCH_REASON_H_

#include <string>

namespace agent_exporter::agents {

struct MatchReason {
  std::string origin;  // "agents.yaml:12", "built-in profile codex"
  std::string rule;    // the rule's name as it was written, template and all
  // What each condition saw, in printable ASCII: `comm is "codex", user is "ci"`. Never a command line, which
  // may hold secrets: of that condition its expression is told.
  std::string what;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_MATCH_REASON_H_

// Fuzz target: what follows Claude Code transcripts and understands their lines, and the parser of
// agent_meta. Agents write all of it, so it may contain anything.

#include <string_view>

#include "fuzz/follow_lines.h"
#include "fuzz/targets.h"
#include "sessions/claude_lines.h"
#include "sessions/meta.h"

namespace agent_exporter::fuzz {

void FuzzClaudeTranscript(std::string_view data) {
  data = FuzzLines<sessions::ClaudeLines>(data);
  const auto meta = sessions::ParseAgentMeta(data);
  if (!meta.ok()) return;
  if (meta->model) RequireName(*meta->model);
  Require(meta->context_pct.value_or(0) >= 0 && meta->context_pct.value_or(0) <= 100,
          "context_pct is not a percentage");
}

}  // namespace agent_exporter::fuzz

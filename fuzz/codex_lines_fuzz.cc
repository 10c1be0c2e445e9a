// Fuzz target: what follows Codex rollouts and understands their lines. Agents write them, so they may
// contain anything.

#include <string_view>

#include "fuzz/follow_lines.h"
#include "fuzz/targets.h"
#include "sessions/codex_lines.h"

namespace agent_exporter::fuzz {

void FuzzCodexLines(std::string_view data) {
  (void)sessions::ParseCodexMeta(FuzzLines<sessions::CodexLines>(data));
}

}  // namespace agent_exporter::fuzz

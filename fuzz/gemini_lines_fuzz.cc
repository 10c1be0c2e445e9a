// Fuzz target: what follows recordings of Gemini CLI and of Qwen Code and understands their lines. Agents
// write them, so they may contain anything.

#include <string_view>

#include "fuzz/follow_lines.h"
#include "fuzz/targets.h"
#include "sessions/gemini_lines.h"

namespace agent_exporter::fuzz {

void FuzzGeminiLines(std::string_view data) {
  (void)sessions::ParseGeminiMeta(FuzzLines<sessions::GeminiLines>(data));
}

}  // namespace agent_exporter::fuzz

// Fuzz target: what follows recordings of Gemini CLI and of Qwen Code and understands their lines. Agents
// write them, so they may contain anything.

#include <cstdint>
#include <string_view>

#include "fuzz/follow_lines.h"
#include "sessions/gemini_lines.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view line = agent_exporter::fuzz::FuzzLines<agent_exporter::sessions::GeminiLines>(text);
  (void)agent_exporter::sessions::ParseGeminiMeta(line);
  return 0;
}

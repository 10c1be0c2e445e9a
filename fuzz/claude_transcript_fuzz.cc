// Fuzz target: what follows Claude Code transcripts and understands their lines, and the parsers of
// agent_meta and of the status line. Agents write all of it, so it may contain anything.

#include <cstdint>
#include <string_view>

#include "fuzz/follow_lines.h"
#include "sessions/claude_lines.h"
#include "sessions/meta.h"
#include "sessions/statusline_file.h"

namespace agent_exporter::fuzz {
namespace {

void Fuzz(std::string_view data) {
  data = FuzzLines<sessions::ClaudeLines>(data);
  if (const auto meta = sessions::ParseAgentMeta(data); meta.ok()) {
    if (meta->model) RequireName(*meta->model);
    Require(meta->context_pct.value_or(0) >= 0 && meta->context_pct.value_or(0) <= 100,
            "context_pct is not a percentage");
  }
  if (const auto line = sessions::ParseStatuslineInput(data, 5); line.ok()) {
    const auto again = sessions::ParseStatuslineFile(sessions::StatuslineText(*line));
    Require(again.ok() && *again == *line, "a status line is not kept as it was told");
  }
}

}  // namespace
}  // namespace agent_exporter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  agent_exporter::fuzz::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}

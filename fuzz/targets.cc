#include "fuzz/targets.h"

namespace agent_exporter::fuzz {

std::span<const Target> Targets() {
  static constexpr Target kTargets[] = {
      {"claude_transcript", &FuzzClaudeTranscript},
      {"codex_lines", &FuzzCodexLines},
      {"configuration", &FuzzConfiguration},
      {"gemini_lines", &FuzzGeminiLines},
      {"http_request", &FuzzHttpRequest},
      {"opencode", &FuzzOpencode},
      {"proc_files", &FuzzProcFiles},
      {"slot_messages", &FuzzSlotMessages},
      {"statusline", &FuzzStatusline},
      {"taskstats", &FuzzTaskstats},
  };
  return kTargets;
}

}  // namespace agent_exporter::fuzz

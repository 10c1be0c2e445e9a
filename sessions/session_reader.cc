#include "sessions/session_reader.h"

#include "base/agent_names.h"
#include "sessions/claude_reader.h"
#include "sessions/codex_reader.h"
#include "sessions/gemini_reader.h"
#include "sessions/opencode_reader.h"

namespace agent_exporter::sessions {

std::vector<std::string_view> ReadableProfiles() { return {"claude", "codex", "gemini", "qwen", "opencode"}; }

std::unique_ptr<SessionReader> MakeSessionReader(std::string_view profile, const ReaderOptions& options) {
  if (profile == "claude") return std::make_unique<ClaudeReader>(options);
  if (profile == "codex") return std::make_unique<CodexReader>(options);
  if (profile == "gemini") return std::make_unique<GeminiReader>(GeminiReader::Kind::kGemini, options);
  if (profile == "qwen") return std::make_unique<GeminiReader>(GeminiReader::Kind::kQwen, options);
  if (profile == "opencode") return std::make_unique<OpencodeReader>(options);
  return nullptr;
}

std::optional<uint64_t> ConfiguredWindow(const ReaderOptions& options, std::string_view model) {
  // An exact name before a prefix; of prefixes the longest.
  std::optional<uint64_t> window;
  size_t length = 0;
  for (const auto& [pattern, tokens] : options.context_windows) {
    if (pattern.size() < length || !base::AgentNameMatches(pattern, model)) continue;
    window = tokens;
    length = pattern.size();
  }
  if (window) return window;
  return options.context_window > 0 ? std::optional(options.context_window) : std::nullopt;
}

}  // namespace agent_exporter::sessions

// Reads the state of an agent from the transcript of its Claude Code session, starting at the end.
//
// A transcript is ~/.claude/projects/<folder>/<session>.jsonl: one JSON object per line, appended. The format
// is not documented, so we use only data with exactly the known shape. We stop at a line that cannot be
// parsed, because it may contradict the older lines. We keep only names, never the text of the conversation
// or the arguments of tools.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_CLAUDE_TRANSCRIPT_H_
#define AGENT_EXPORTER_SESSIONS_CLAUDE_TRANSCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sessions/agent_meta.h"
#include "sessions/transcript_tail.h"

namespace agent_exporter::sessions {

// An empty field is unknown. Names are valid UTF-8 of at most 128 bytes.
struct ClaudeSession {
  std::optional<std::string> model;          // of the newest answer
  std::optional<std::string> last_activity;  // the timestamp of the newest line, ISO 8601, unchanged
  std::optional<std::string> current_tool;   // a tool call without a result yet; empty if no tool is running
  std::optional<uint64_t> subagents;         // running Task (or Agent) tools
  // Input, cache read and cache creation tokens of the newest answer. Unknown between a compaction and the
  // next answer.
  std::optional<uint64_t> context_tokens;
  std::vector<AgentAction> recent_actions;  // the last tools, newest first, at most kMaxActions

  std::vector<ServiceError> errors;  // the last that the service gave, newest first, at most kMaxErrors

  friend bool operator==(const ClaudeSession&, const ClaudeSession&) = default;
};

inline constexpr size_t kMaxActions = 10;
inline constexpr size_t kMaxErrors = 20;

// Reads the first `size` bytes of a file that is open for reading. Errors: as VisitLinesFromEnd; unknown
// content is not an error.
absl::StatusOr<ClaudeSession> ReadClaudeTranscript(int fd, uint64_t size, const TailLimits& limits = {});

// The possible folder names for a working directory: older versions replace '/' and '.' with '-', newer
// versions everything except letters and digits. One name if both are the same.
std::vector<std::string> ClaudeProjectFolders(std::string_view cwd);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CLAUDE_TRANSCRIPT_H_

// What the transcript of a Claude Code session tells about the agent, read from its end.
//
// A transcript is ~/.claude/projects/<folder>/<session>.jsonl: one JSON object a line, appended. The format
// is nobody's promise, so only what has exactly the known shape counts, and nothing is taken from before a
// line that cannot be read: such a line might have said otherwise. Texts of the conversation and arguments of
// tools are never kept, only names.
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

// Empty: not told. Names are valid UTF-8 of at most 128 bytes.
struct ClaudeSession {
  std::optional<std::string> model;          // of the newest answer
  std::optional<std::string> last_activity;  // the newest line's time stamp, ISO 8601 as it stands there
  std::optional<std::string> current_tool;   // asked for, and no result yet; none: nothing is under way
  std::optional<uint64_t> subagents;         // Task (or Agent) tools under way
  // Of the newest answer: input, cache read and cache creation tokens. Not told after a compaction, until the
  // next answer.
  std::optional<uint64_t> context_tokens;
  std::vector<AgentAction> recent_actions;  // the last tools, newest first, at most kMaxActions

  std::vector<ServiceError> errors;  // the last that the service gave, newest first, at most kMaxErrors

  friend bool operator==(const ClaudeSession&, const ClaudeSession&) = default;
};

inline constexpr size_t kMaxActions = 10;
inline constexpr size_t kMaxErrors = 20;

// Of a file open for reading that is `size` bytes long. Errors: as VisitLinesFromEnd; strange content is
// none.
absl::StatusOr<ClaudeSession> ReadClaudeTranscript(int fd, uint64_t size, const TailLimits& limits = {});

// How the folders of a working directory may be called: '/' and '.' as '-', and since some version everything
// but letters and digits. One name where both are the same.
std::vector<std::string> ClaudeProjectFolders(std::string_view cwd);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CLAUDE_TRANSCRIPT_H_

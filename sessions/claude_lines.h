// Understands the lines of a Claude Code transcript, oldest first.
//
// One JSON object a line, appended; the format is not documented. After a line that cannot be read nothing is
// concluded from the lines before it about what goes on now: it may have said the opposite.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_CLAUDE_LINES_H_
#define AGENT_EXPORTER_SESSIONS_CLAUDE_LINES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "sessions/session.h"
#include "sessions/token_tally.h"

namespace agent_exporter::sessions {

inline constexpr size_t kMostActions = 10;
inline constexpr size_t kMostErrors = 20;

class ClaudeLines {
 public:
  // `tally` is shared with the session's subagents, and outlives this.
  explicit ClaudeLines(TokenTally& tally) : tally_(tally) {}

  // A line; empty: it is too long to be read.
  void Take(std::optional<std::string_view> line);
  // Only its tokens: for a subagent's file.
  void TakeTokens(std::optional<std::string_view> line);
  void Restart();

  // Without what other files say: name, tokens, window, limits.
  SessionState State() const;

 private:
  struct Call {
    std::string id, name;
    std::optional<double> since;
  };
  void TakeObject(const nlohmann::json& line);
  void TakePrompt(const nlohmann::json& line, const nlohmann::json& message);
  void TakeAnswer(const nlohmann::json& line, const nlohmann::json& message);
  void TakeError(const nlohmann::json& line);
  void CountTokens(const nlohmann::json& line, const nlohmann::json& message);

  TokenTally& tally_;
  std::string answer_;  // id of the newest answer
  std::optional<std::string> model_;
  std::optional<SessionStatus> claim_;
  std::optional<double> last_activity_;
  std::optional<uint64_t> context_tokens_;
  bool calls_known_ = false;          // false before the first answer and after a line that cannot be read
  std::vector<Call> calls_;           // of the newest answer, without a result, oldest first
  std::vector<AgentAction> actions_;  // oldest first
  std::vector<ServiceError> errors_;  // oldest first
};

// The possible folder names for a working directory: older versions replace '/' and '.' with '-', newer
// versions everything except letters and digits. One name if both are the same.
std::vector<std::string> ClaudeProjectFolders(std::string_view cwd);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CLAUDE_LINES_H_

// Understands the lines of chat recordings of Gemini CLI and of Qwen Code, oldest first.
//
// Gemini writes a message again when its tokens or tool calls arrive, and may replace all of them or go back
// to one ("$set", "$rewindTo"). It records a tool call when it has ended. Qwen, which began as a copy of
// Gemini, writes {type: user|assistant|tool_result|system, model, usageMetadata, contextWindowSize} today.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_GEMINI_LINES_H_
#define AGENT_EXPORTER_SESSIONS_GEMINI_LINES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "sessions/session.h"
#include "sessions/token_tally.h"

namespace agent_exporter::sessions {

class GeminiLines {
 public:
  // `tally` outlives this.
  explicit GeminiLines(TokenTally& tally) : tally_(tally) {}

  // A line; empty: it is too long to be read.
  void Take(std::optional<std::string_view> line);
  // The whole of an older recording: one object with all messages.
  void TakeWhole(std::string_view text);
  void Restart();

  // Without tokens.
  SessionState State() const;

 private:
  struct Call {
    std::string id, name;
    std::optional<double> since;
  };
  void TakeObject(const nlohmann::json& line);
  void TakeMessage(const nlohmann::json& message);  // Gemini's
  void TakeRecord(const nlohmann::json& record);    // Qwen's
  void TakeToolCalls(const nlohmann::json& calls);
  void TakeError(const nlohmann::json& message, std::optional<double> time);
  void AddAction(std::string name, std::string_view timestamp);

  TokenTally& tally_;
  std::optional<std::string> model_;
  std::optional<SessionStatus> claim_;
  std::optional<double> last_activity_;
  std::optional<uint64_t> context_tokens_, context_window_;
  std::vector<Call> calls_;           // Qwen's, without a result, oldest first
  std::vector<AgentAction> actions_;  // oldest first
  std::vector<std::string> seen_calls_;
  std::vector<ServiceError> errors_;  // oldest first
};

// What the first line of a recording says.
struct GeminiMeta {
  std::string project_hash;  // sha256 of the project's root
  bool subagent = false;
  std::optional<double> started;
};
std::optional<GeminiMeta> ParseGeminiMeta(std::string_view line);

// sha256 in hexadecimal digits.
std::string Sha256Hex(std::string_view text);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_GEMINI_LINES_H_

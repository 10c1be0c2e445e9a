// Understands the lines of a Codex rollout file, oldest first.
//
// Lines are {"timestamp", "type", "payload"}. Codex writes down neither errors nor what it asks its user, so
// whether a command waits for approval can only be seen by its process: sessions/session_activity.h.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_CODEX_LINES_H_
#define AGENT_EXPORTER_SESSIONS_CODEX_LINES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "sessions/session.h"
#include "sessions/token_tally.h"

namespace agent_exporter::sessions {

class CodexLines {
 public:
  // `tally` outlives this.
  explicit CodexLines(TokenTally& tally) : tally_(tally) {}

  // A line; empty: it is too long to be read.
  void Take(std::optional<std::string_view> line);
  void Restart();

  // Without name and tokens.
  SessionState State() const;

 private:
  struct Call {
    std::string id, name;
    std::optional<double> since;
  };
  void TakeEvent(const nlohmann::json& payload);
  void TakeItem(const nlohmann::json& payload, std::string_view timestamp);
  void TakeCount(const nlohmann::json& payload);
  void TakeLimits(const nlohmann::json& limits);

  TokenTally& tally_;
  std::optional<double> first_;  // time of the first line: a fork copies its history within this second
  std::optional<double> now_;    // time of the newest line
  std::optional<std::string> model_;
  std::optional<SessionStatus> claim_;
  std::optional<uint64_t> context_tokens_, context_window_;
  std::optional<TokenCounts> counted_;  // the newest total that was seen
  std::vector<Call> calls_;             // without an output, oldest first
  std::vector<AgentAction> actions_;    // oldest first
  std::vector<PlanLimit> limits_;
};

// What the first line of a rollout says: whose it is.
struct CodexMeta {
  std::string cwd;
  bool subagent = false;
};
std::optional<CodexMeta> ParseCodexMeta(std::string_view line);

// "5h" for 300 minutes, "7d" for 10,080.
std::string WindowName(uint64_t minutes);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CODEX_LINES_H_

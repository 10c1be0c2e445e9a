// Understands the messages and parts that OpenCode keeps as JSON in its database.
//
// A message of the assistant is one step: an answer of the model and the tools it called. It is written when
// the step begins, and again when it has ended ("time.completed"); tokens come with the end. A tool is a part
// whose state is "pending", "running", "completed" or "error". That a tool waits to be allowed is not written
// down.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_OPENCODE_MESSAGES_H_
#define AGENT_EXPORTER_SESSIONS_OPENCODE_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sessions/session.h"
#include "sessions/token_tally.h"

namespace agent_exporter::sessions {

// The messages of one session, oldest first; the newest may come again.
class OpencodeMessages {
 public:
  // `tally` outlives this.
  explicit OpencodeMessages(TokenTally& tally) : tally_(tally) {}

  void TakeMessage(std::string_view id, std::string_view data);
  // The newest tools, newest first, each time anew.
  void ClearParts();
  void TakePart(std::string_view data);

  // Whether the newest message is a step that has not ended.
  bool working() const { return claim_ == SessionStatus::kWorking; }
  // Without name and tokens.
  SessionState State() const;

 private:
  TokenTally& tally_;
  std::optional<std::string> model_;
  std::optional<SessionStatus> claim_;
  std::optional<double> last_activity_;
  std::optional<uint64_t> context_tokens_;
  std::vector<ServiceError> errors_;  // oldest first
  std::optional<std::string> tool_;   // that runs
  std::optional<double> tool_since_;
  std::vector<AgentAction> actions_;  // newest first
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_OPENCODE_MESSAGES_H_

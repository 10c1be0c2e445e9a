// What is known of one session: a conversation of an agent, a process with its own files.
//
// Units: bytes, tokens, seconds since the epoch. An empty optional is unknown and is not shown.
//
// Thread safety: values.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "agents/observation.h"
#include "kernel/process.h"
#include "sessions/agent_meta.h"

namespace agent_exporter::sessions {

enum class SessionStatus {
  kWorking,
  kWaiting,  // for its user: a permission, a question
  kIdle,     // its turn is over
  kStuck,    // claims to work, and nothing moves
  kEnded,
};
std::string_view Name(SessionStatus status);

// Every token counts in exactly one of them.
struct TokenCounts {
  uint64_t input = 0;  // without what came from a cache
  uint64_t output = 0;
  uint64_t cache_read = 0;
  uint64_t cache_creation = 0;
  uint64_t reasoning = 0;

  TokenCounts& operator+=(const TokenCounts& other);
  TokenCounts& operator-=(const TokenCounts& other);  // `other` was added before
  // What is more in this than in `before`; 0 where it is less.
  TokenCounts Since(const TokenCounts& before) const;
  uint64_t total() const { return input + output + cache_read + cache_creation + reasoning; }
  friend bool operator==(const TokenCounts&, const TokenCounts&) = default;
};
using TokensByModel = std::map<std::string, TokenCounts>;

// A limit of the account, as the agent's service told it.
struct PlanLimit {
  std::string window;  // how long it is: "5h", "7d"
  double used_ratio = 0;
  std::optional<double> reset_seconds;
  double told_seconds = 0;

  friend bool operator==(const PlanLimit&, const PlanLimit&) = default;
};

// What an agent's own files tell of a session. Names are valid UTF-8 of at most 128 bytes; no text of a
// conversation, no argument and no path is in here.
struct SessionState {
  std::optional<std::string> name;     // its own
  std::optional<SessionStatus> claim;  // working, waiting or idle, as the files tell it
  bool settled = false;                // the claim is the agent's own word, not a conclusion from its file
  std::optional<std::string> model;
  std::optional<std::string> tool;   // a tool call without a result
  std::optional<double> tool_since;  // when it was called
  bool local_tool = false;           // the tool ends at once or shows as a process, once its user allows it
  std::optional<std::string> waiting_for;  // "permission", "question", "plan"
  std::optional<double> last_activity;
  std::optional<uint64_t> subagents;
  std::optional<uint64_t> context_tokens;
  std::optional<uint64_t> context_window;
  std::optional<double> context_ratio;  // where it is told instead of the two
  std::optional<TokenCounts> tokens;    // of the whole session; empty: its start was not read
  // What was used since the last time this was asked, of what was written since the exporter started.
  TokensByModel fresh;
  std::vector<PlanLimit> limits;
  std::vector<ServiceError> errors;  // the last that its service gave, newest first; not shown
  std::vector<AgentAction> actions;  // the last tools, newest first
  uint64_t progress = 0;             // another number whenever its files have grown

  friend bool operator==(const SessionState&, const SessionState&) = default;
};

using AgentKey = std::tuple<std::string, std::string, std::string>;  // name, kind, slot

// A session as it is shown.
struct Session {
  std::string agent, kind, slot;
  std::string name;        // unique within the agent, or "other"
  kernel::ProcessKey key;  // the agent's program, not its wrapper
  uid_t uid = 0;
  bool read = false;  // a reader found its files; else all it has is what its agent told otherwise
  SessionState state;
  std::optional<SessionStatus> status;
  double status_since = 0;
  std::optional<uint64_t> resident_bytes;  // of its process and all below
  double cpu_ratio = 0;                    // of its process and all below: 1 is one full core

  AgentKey agent_key() const { return {agent, kind, slot}; }
  // 0 to 1; empty unless both are known.
  std::optional<double> context_ratio() const;
};

// "other": the sessions beyond the most that have a name.
inline constexpr std::string_view kOtherSession = "other";

struct AccountLimit {
  std::string agent, kind, slot;
  PlanLimit limit;
};

// What one look found.
struct SessionsView {
  std::vector<Session> sessions;
  std::map<std::pair<AgentKey, std::string>, TokenCounts> tokens;  // by agent and model; only rise
  std::vector<AccountLimit> limits;
  std::map<std::pair<std::string, std::string>, uint64_t> reads;  // by reader and result
};

// The sessions of one agent.
using SessionSource = std::function<std::vector<Session>(const agents::AgentSample&)>;

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_H_

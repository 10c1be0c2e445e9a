// What an agent reports about itself, in addition to what the exporter measures from outside.
//
// Thread safety: a value.

#ifndef AGENT_EXPORTER_SESSIONS_AGENT_META_H_
#define AGENT_EXPORTER_SESSIONS_AGENT_META_H_

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/observation.h"

namespace agent_exporter::sessions {

// Something the agent did. `preview` is a tool's name, never its arguments: they may hold secrets.
struct AgentAction {
  std::optional<std::string> ts;  // as the agent wrote it
  std::string preview;

  friend bool operator==(const AgentAction&, const AgentAction&) = default;
};

// The first word of what an agent says of an action: "Bash" of "Bash(git push)" and of "Bash: git push".
std::string ActionName(std::string_view preview);

// That its service refused to answer, in the words the agent wrote down.
struct ServiceError {
  int64_t ts = 0;  // ms since the epoch
  std::string text;

  friend bool operator==(const ServiceError&, const ServiceError&) = default;
};

struct AgentMeta {
  std::optional<bool> alive;
  std::optional<uint64_t> subagents;
  std::optional<double> context_pct;
  std::optional<std::string> current_tool;
  std::optional<std::string> last_activity;
  std::optional<std::string> model;
  std::optional<std::string> pane_tail;
  std::optional<std::string> pane_tail_block;
  std::optional<std::vector<AgentAction>> recent_actions;  // newest first
  std::optional<uint64_t> heap_used_bytes;                 // of its runtime, as V8's heapUsed
};

// Only what is present.
nlohmann::ordered_json MetaJson(const AgentMeta& meta);

// Field by field, what `first` does not know from `second`.
std::optional<AgentMeta> Combined(std::optional<AgentMeta> first, const std::optional<AgentMeta>& second);

using MetaSource = std::function<std::optional<AgentMeta>(const agents::AgentSample&)>;
}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_AGENT_META_H_

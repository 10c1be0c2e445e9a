// What an agent reports about itself, in addition to what the exporter measures from outside.
//
// Thread safety: a value.

#ifndef AGENT_EXPORTER_SESSIONS_AGENT_META_H_
#define AGENT_EXPORTER_SESSIONS_AGENT_META_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agents/observation.h"

namespace agent_exporter::sessions {

struct AgentMeta {
  std::optional<bool> alive;
  std::optional<uint64_t> subagents;
  std::optional<double> context_pct;
  std::optional<std::string> current_tool;
  std::optional<std::string> last_activity;
  std::optional<std::string> model;
  std::optional<std::string> pane_tail;
  std::optional<std::string> pane_tail_block;
  std::optional<std::vector<std::string>> recent_actions;
};

using MetaSource = std::function<std::optional<AgentMeta>(const agents::AgentSample&)>;
}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_AGENT_META_H_

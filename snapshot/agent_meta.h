// What an agent tells of itself, beside what can be measured from outside (spec.md S, agent_meta).
//
// Thread safety: a value.

#ifndef AGENT_EXPORTER_SNAPSHOT_AGENT_META_H_
#define AGENT_EXPORTER_SNAPSHOT_AGENT_META_H_

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agents/observation.h"

namespace agent_exporter {

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

using MetaSource = std::function<std::optional<AgentMeta>(const AgentSample&)>;
using DiffListener =
    std::function<void(const std::string& agent, const nlohmann::json& diff, const nlohmann::json& snapshot)>;

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_SNAPSHOT_AGENT_META_H_

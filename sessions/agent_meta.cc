#include "sessions/agent_meta.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/label_value.h"

namespace agent_exporter::sessions {

std::string ActionName(std::string_view preview) {
  // Letters, digits, and what names of tools are joined by: "mcp__github__create_issue", "browser.click".
  const auto ends = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && !absl::ascii_isalnum(byte) && c != '_' && c != '-' && c != '.';
  };
  return base::LabelValue(preview.substr(
      0, static_cast<size_t>(std::find_if(preview.begin(), preview.end(), ends) - preview.begin())));
}

nlohmann::ordered_json MetaJson(const AgentMeta& meta) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  const auto put = [&json](const char* key, const auto& value) {
    if (value) json[key] = *value;
  };
  put("alive", meta.alive);
  put("subagents", meta.subagents);
  put("context_pct", meta.context_pct);
  put("current_tool", meta.current_tool);
  put("last_activity", meta.last_activity);
  put("model", meta.model);
  put("heap_used_bytes", meta.heap_used_bytes);
  put("pane_tail", meta.pane_tail);
  put("pane_tail_block", meta.pane_tail_block);
  if (!meta.recent_actions) return json;
  auto& actions = json["recent_actions"] = nlohmann::ordered_json::array();
  for (const AgentAction& action : *meta.recent_actions) {
    actions.push_back({{"ts", nullptr}, {"preview", action.preview}});
    if (action.ts) actions.back()["ts"] = *action.ts;
  }
  return json;
}

std::optional<AgentMeta> Combined(std::optional<AgentMeta> first, const std::optional<AgentMeta>& second) {
  if (!first || !second) return first ? std::move(first) : second;
  const auto fill = [](auto& field, const auto& other) {
    if (!field) field = other;
  };
  fill(first->alive, second->alive);
  fill(first->subagents, second->subagents);
  fill(first->context_pct, second->context_pct);
  fill(first->current_tool, second->current_tool);
  fill(first->last_activity, second->last_activity);
  fill(first->model, second->model);
  fill(first->pane_tail, second->pane_tail);
  fill(first->pane_tail_block, second->pane_tail_block);
  fill(first->recent_actions, second->recent_actions);
  fill(first->heap_used_bytes, second->heap_used_bytes);
  return first;
}

}  // namespace agent_exporter::sessions

#include "sessions/agent_meta.h"

#include <algorithm>
#include <nlohmann/json.hpp>

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

}  // namespace agent_exporter::sessions

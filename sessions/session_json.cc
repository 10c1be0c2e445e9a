#include "sessions/session_json.h"

#include "sessions/json_fields.h"

namespace agent_exporter::sessions {

nlohmann::ordered_json SessionJson(const Session& session) {
  const SessionState& state = session.state;
  nlohmann::ordered_json json = {{"session", session.name}, {"pid", session.key.pid}};
  const auto put = [&json](const char* key, const auto& value) {
    if (value) json[key] = *value;
  };
  if (session.status) {
    json["state"] = Name(*session.status);
    json["state_since"] = TimeText(session.status_since);
  }
  put("model", state.model);
  put("context_ratio", session.context_ratio());
  if (state.last_activity) json["last_activity"] = TimeText(*state.last_activity);
  put("tool", state.tool);
  put("waiting_for", state.waiting_for);
  put("subagents", state.subagents);
  if (state.tokens) {
    json["tokens"] = {{"input", state.tokens->input},
                      {"output", state.tokens->output},
                      {"cache_read", state.tokens->cache_read},
                      {"cache_creation", state.tokens->cache_creation},
                      {"reasoning", state.tokens->reasoning}};
  }
  if (session.status == SessionStatus::kEnded) return json;
  put("resident_memory_bytes", session.resident_bytes);
  json["cpu_usage_ratio"] = session.cpu_ratio;
  return json;
}

}  // namespace agent_exporter::sessions

// Builds lines of Claude Code transcripts.

#ifndef AGENT_EXPORTER_TESTS_SESSIONS_TRANSCRIPT_BUILDER_H_
#define AGENT_EXPORTER_TESTS_SESSIONS_TRANSCRIPT_BUILDER_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace agent_exporter::sessions {

struct AnswerLine {
  std::string id = "msg_1";
  std::string model = "claude-opus-4-5";
  uint64_t input = 10;
  uint64_t cache_read = 40'000;
  uint64_t cache_creation = 9'990;
  std::vector<std::pair<std::string, std::string>> tools;  // name, id
  std::string stop;                                        // stop_reason
  bool sidechain = false;
  std::string timestamp = "2026-01-23T17:13:37.849Z";
};

inline std::string Line(const nlohmann::json& object) { return object.dump() + "\n"; }

inline nlohmann::json AnswerJson(const AnswerLine& line) {
  nlohmann::json content = nlohmann::json::array({{{"type", "text"}, {"text", "secret text"}}});
  for (const auto& [name, id] : line.tools) {
    content.push_back(
        {{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", {{"command", "secret argument"}}}});
  }
  return {{"parentUuid", nullptr},
          {"isSidechain", line.sidechain},
          {"type", "assistant"},
          {"sessionId", "s"},
          {"cwd", "/home/dev/app"},
          {"timestamp", line.timestamp},
          {"message",
           {{"id", line.id},
            {"role", "assistant"},
            {"model", line.model},
            {"content", content},
            {"stop_reason", line.stop.empty() ? nlohmann::json() : nlohmann::json(line.stop)},
            {"usage",
             {{"input_tokens", line.input},
              {"cache_read_input_tokens", line.cache_read},
              {"cache_creation_input_tokens", line.cache_creation},
              {"output_tokens", 7}}}}}};
}
inline std::string Answer(const AnswerLine& line) { return Line(AnswerJson(line)); }

inline std::string Prompt(const std::string& text,
                          const std::string& timestamp = "2026-01-23T17:13:00.000Z") {
  return Line({{"type", "user"},
               {"isSidechain", false},
               {"timestamp", timestamp},
               {"message", {{"role", "user"}, {"content", text}}}});
}

inline std::string ToolResult(const std::string& id, const std::string& text = "done") {
  nlohmann::json block = {{"type", "tool_result"}, {"tool_use_id", id}, {"content", text}};
  return Line({{"type", "user"},
               {"isSidechain", false},
               {"timestamp", "2026-01-23T17:14:00.000Z"},
               {"message", {{"role", "user"}, {"content", nlohmann::json::array({block})}}}});
}

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_TESTS_SESSIONS_TRANSCRIPT_BUILDER_H_

#include "sessions/claude_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/label_value.h"
#include "sessions/bounded_json.h"
#include "sessions/json_fields.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr size_t kMostCalls = 64;
constexpr size_t kLongestError = 2048;
constexpr size_t kLongestId = 128;

bool IsSubagentTool(std::string_view name) { return name == "Task" || name == "Agent"; }

// It runs a command or edits a file.
bool IsLocalTool(std::string_view name) {
  for (const std::string_view tool : {"Bash", "Edit", "MultiEdit", "NotebookEdit", "Write"}) {
    if (name == tool) return true;
  }
  return false;
}

// What the user is asked by a tool that does nothing else.
std::optional<std::string> QuestionOf(std::string_view tool) {
  if (tool == "AskUserQuestion") return "question";
  if (tool == "ExitPlanMode") return "plan";
  return std::nullopt;
}

// A missing key is 0: not every version writes all of them.
std::optional<uint64_t> OptionalCount(const json& usage, const char* key) {
  const json* field = Field(usage, key);
  return field == nullptr || field->is_null() ? std::optional<uint64_t>(0) : CountField(usage, key);
}

std::optional<TokenCounts> UsageOf(const json& message) {
  const json* usage = Field(message, "usage");
  if (usage == nullptr) return std::nullopt;
  const auto input = CountField(*usage, "input_tokens");
  const auto output = OptionalCount(*usage, "output_tokens");
  const auto read = OptionalCount(*usage, "cache_read_input_tokens");
  const auto creation = OptionalCount(*usage, "cache_creation_input_tokens");
  if (!input || !output || !read || !creation) return std::nullopt;
  return TokenCounts{.input = *input, .output = *output, .cache_read = *read, .cache_creation = *creation};
}

// Claude Code's own answers, to errors for example.
bool IsModel(std::string_view model) { return !model.empty() && model != "<synthetic>"; }

// What the program writes on the user's behalf; no model answers it.
bool IsLocalCommand(std::string_view text) {
  for (const std::string_view start : {"<command-name>", "<local-command", "<bash-"}) {
    if (text.starts_with(start)) return true;
  }
  return false;
}

std::string_view FirstText(const json& content) {
  if (content.is_string()) return content.get_ref<const std::string&>();
  if (!content.is_array()) return "";
  for (const json& block : content) {
    if (TextField(block, "type") == "text") return TextField(block, "text");
  }
  return "";
}

template <typename T>
void AddBounded(std::vector<T>& list, T value, size_t most) {
  if (list.size() >= most) list.erase(list.begin());
  list.push_back(std::move(value));
}

std::string Dashed(std::string_view cwd, bool (*kept)(char)) {
  std::string folder(cwd);
  std::replace_if(folder.begin(), folder.end(), [kept](char c) { return !kept(c); }, '-');
  return folder;
}

}  // namespace

void ClaudeLines::Restart() {
  answer_.clear();
  model_.reset();
  claim_.reset();
  last_activity_.reset();
  context_tokens_.reset();
  calls_known_ = false;
  calls_.clear();
  actions_.clear();
  errors_.clear();
}

void ClaudeLines::Take(std::optional<std::string_view> line) {
  const json parsed = line ? ParseBoundedJson(*line) : json(json::value_t::discarded);
  if (parsed.is_object()) return TakeObject(parsed);
  calls_known_ = false;
  calls_.clear();
  claim_.reset();
  context_tokens_.reset();
}

void ClaudeLines::TakeTokens(std::optional<std::string_view> line) {
  if (!line) return;
  const json parsed = ParseBoundedJson(*line);
  const json* message = Field(parsed, "message");
  if (message != nullptr && TextField(parsed, "type") == "assistant") CountTokens(parsed, *message);
}

void ClaudeLines::TakeObject(const json& line) {
  if (const auto time = TimeField(line, "timestamp")) last_activity_ = time;
  if (TrueField(line, "isApiErrorMessage")) TakeError(line);
  const std::string_view type = TextField(line, "type");
  const json* message = Field(line, "message");
  if (type == "assistant" && message != nullptr) CountTokens(line, *message);
  if (TrueField(line, "isSidechain")) return;
  if (type == "system" && TextField(line, "subtype") == "compact_boundary") {
    context_tokens_.reset();  // until the next answer
    calls_.clear();
  }
  if (message == nullptr || !message->is_object()) return;
  if (type == "user") TakePrompt(line, *message);
  if (type == "assistant") TakeAnswer(line, *message);
}

void ClaudeLines::CountTokens(const json& line, const json& message) {
  const std::string_view model = TextField(message, "model");
  const auto usage = UsageOf(message);
  if (!usage || !IsModel(model)) return;
  const std::string_view id = TextField(message, "id").substr(0, kLongestId);
  tally_.Add(id.empty() ? "" : fmt::format("{} {}", id, TextField(line, "requestId").substr(0, kLongestId)),
             base::LabelValue(model), *usage, TimeField(line, "timestamp").value_or(0));
}

// An answer of the program itself, of a subagent's requests as well: "API Error: 529 …".
void ClaudeLines::TakeError(const json& line) {
  const auto time = TimeField(line, "timestamp");
  const json* content = FieldAt(line, "message", "content");
  if (!time || content == nullptr || !content->is_array()) return;
  for (const json& block : *content) {
    const std::string_view text = TextField(block, "text").substr(0, kLongestError);
    if (text.empty()) continue;
    AddBounded(errors_, ServiceError{static_cast<int64_t>(*time * 1000 + 0.5), std::string(text)},
               kMostErrors);
  }
}

void ClaudeLines::TakePrompt(const json& line, const json& message) {
  const json* content = Field(message, "content");
  if (content == nullptr) return;
  bool results = false;
  if (content->is_array()) {
    for (const json& block : *content) {
      if (TextField(block, "type") != "tool_result") continue;
      results = true;
      std::erase_if(calls_,
                    [id = TextField(block, "tool_use_id")](const Call& call) { return call.id == id; });
    }
  }
  if (results) {
    claim_ = SessionStatus::kWorking;  // the model is told of them
    return;
  }
  if (TrueField(line, "isMeta")) return;
  // A new prompt: all older calls have finished or were interrupted.
  calls_.clear();
  const std::string_view text = FirstText(*content);
  if (IsLocalCommand(text)) return;
  constexpr std::string_view kInterrupted = "[Request interrupted";
  claim_ = text.starts_with(kInterrupted) ? SessionStatus::kIdle : SessionStatus::kWorking;
}

void ClaudeLines::TakeAnswer(const json& line, const json& message) {
  const std::string_view model = TextField(message, "model");
  if (!IsModel(model)) {
    if (model == "<synthetic>") claim_ = SessionStatus::kIdle;  // it gave up
    return;
  }
  const std::string id(TextField(message, "id").substr(0, kLongestId));
  // An answer may have several lines, one for each block. Only tools of the newest answer can be running.
  if (id.empty() || id != answer_) calls_.clear();
  answer_ = id;
  calls_known_ = true;
  model_ = base::LabelValue(model);
  const auto usage = UsageOf(message);
  context_tokens_ =
      usage ? std::optional(usage->input + usage->cache_read + usage->cache_creation) : std::nullopt;
  const json* content = Field(message, "content");
  if (content != nullptr && content->is_array()) {
    for (const json& block : *content) {
      const std::string_view name = TextField(block, "name"), call = TextField(block, "id");
      if (TextField(block, "type") != "tool_use" || name.empty()) continue;
      const auto time = TimeField(line, "timestamp");
      AddBounded(actions_,
                 AgentAction{time ? std::optional(std::string(TextField(line, "timestamp"))) : std::nullopt,
                             base::LabelValue(name)},
                 kMostActions);
      if (call.empty() || calls_.size() >= kMostCalls) continue;
      calls_.push_back({std::string(call.substr(0, kLongestId)), base::LabelValue(name), time});
    }
  }
  const std::string_view stop = TextField(message, "stop_reason");
  if (!calls_.empty()) {
    claim_ = SessionStatus::kWorking;
  } else if (stop == "end_turn" || stop == "stop_sequence" || stop == "refusal" || stop == "max_tokens") {
    claim_ = SessionStatus::kIdle;
  } else {
    claim_.reset();  // text that may go on: some versions never say that it ended
  }
}

SessionState ClaudeLines::State() const {
  SessionState state;
  state.claim = claim_;
  state.model = model_;
  state.last_activity = last_activity_;
  state.context_tokens = context_tokens_;
  if (calls_known_) {
    state.subagents = static_cast<uint64_t>(std::count_if(
        calls_.begin(), calls_.end(), [](const Call& call) { return IsSubagentTool(call.name); }));
    if (!calls_.empty()) {
      state.tool = calls_.back().name;
      state.tool_since = calls_.back().since;
      state.local_tool = IsLocalTool(calls_.back().name);
      for (const Call& call : calls_) {
        const auto question = QuestionOf(call.name);
        if (!question) continue;
        state.waiting_for = question;
        state.claim = SessionStatus::kWaiting;
      }
    }
  }
  state.actions.assign(actions_.rbegin(), actions_.rend());
  state.errors.assign(errors_.rbegin(), errors_.rend());
  return state;
}

std::vector<std::string> ClaudeProjectFolders(std::string_view cwd) {
  std::vector<std::string> folders = {
      Dashed(cwd, [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); })};
  std::string older = Dashed(cwd, [](char c) { return c != '/' && c != '.'; });
  if (older != folders.front()) folders.push_back(std::move(older));
  return folders;
}

}  // namespace agent_exporter::sessions

#include "sessions/gemini_lines.h"

#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/label_value.h"
#include "sessions/bounded_json.h"
#include "sessions/claude_lines.h"
#include "sessions/json_fields.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr size_t kMostGeminiCalls = 64;
constexpr size_t kLongestMessageId = 128;
constexpr size_t kLongestErrorText = 2048;
constexpr uint64_t kGeminiWindow = 1'048'576;
constexpr uint64_t kGemmaWindow = 256'000;

// It runs a command or edits files, once its user allows it.
bool IsLocalGeminiTool(std::string_view name) {
  return name == "run_shell_command" || name == "write_file" || name == "replace" || name == "edit";
}

// Missing counts are 0; the one that is `required` must be there.
std::optional<TokenCounts> GeminiCounts(const json& usage, const char* input_key, const char* output_key,
                                        const char* cached_key, const char* thoughts_key,
                                        const char* tool_key) {
  const auto input = CountField(usage, input_key);
  const auto optional = [&usage](const char* key) {
    const json* field = Field(usage, key);
    return field == nullptr || field->is_null() ? std::optional<uint64_t>(0) : CountField(usage, key);
  };
  const auto output = optional(output_key), cached = optional(cached_key), thoughts = optional(thoughts_key),
             tool = optional(tool_key);
  if (!input || !output || !cached || !thoughts || !tool || *cached > *input) return std::nullopt;
  return TokenCounts{
      .input = *input - *cached + *tool, .output = *output, .cache_read = *cached, .reasoning = *thoughts};
}

std::string_view FirstPart(const json& content) {
  if (content.is_string()) return content.get_ref<const std::string&>();
  if (!content.is_array()) return "";
  for (const json& part : content) {
    if (const std::string_view text = TextField(part, "text"); !text.empty()) return text;
  }
  return "";
}

uint64_t WindowOf(std::string_view model) {
  return model.starts_with("gemma") ? kGemmaWindow : kGeminiWindow;
}

}  // namespace

void GeminiLines::Restart() {
  model_.reset();
  claim_.reset();
  last_activity_.reset();
  context_tokens_.reset();
  context_window_.reset();
  calls_.clear();
  actions_.clear();
  seen_calls_.clear();
  errors_.clear();
}

void GeminiLines::Take(std::optional<std::string_view> line) {
  const json parsed = line ? ParseBoundedJson(*line) : json(json::value_t::discarded);
  if (parsed.is_object()) return TakeObject(parsed);
  claim_.reset();
  calls_.clear();
  context_tokens_.reset();
}

void GeminiLines::TakeWhole(std::string_view text) {
  const json parsed = ParseBoundedJson(text);
  const json* messages = Field(parsed, "messages");
  if (const auto time = TimeField(parsed, "lastUpdated")) last_activity_ = time;
  if (messages == nullptr || !messages->is_array()) return;
  for (const json& message : *messages) TakeMessage(message);
}

void GeminiLines::TakeObject(const json& line) {
  if (const json* set = Field(line, "$set")) {
    if (const auto time = TimeField(*set, "lastUpdated")) last_activity_ = time;
    const json* messages = Field(*set, "messages");
    if (messages == nullptr || !messages->is_array()) return;
    context_tokens_.reset();
    for (const json& message : *messages) TakeMessage(message);
    return;
  }
  if (Field(line, "$rewindTo") != nullptr) {
    context_tokens_.reset();
    claim_.reset();
    return;
  }
  if (Field(line, "uuid") != nullptr) return TakeRecord(line);
  if (Field(line, "type") != nullptr) TakeMessage(line);
}

void GeminiLines::TakeMessage(const json& message) {
  const auto time = TimeField(message, "timestamp");
  if (time) last_activity_ = time;
  const std::string_view type = TextField(message, "type");
  const json* content = Field(message, "content");
  if (type == "user") {
    const std::string_view text = content == nullptr ? "" : FirstPart(*content);
    if (!text.starts_with("<session_context>")) claim_ = SessionStatus::kWorking;
    return;
  }
  if (type == "error") {
    TakeError(message, time);
    claim_ = SessionStatus::kIdle;
  }
  if (type != "gemini") return;
  if (const auto model = NameField(message, "model")) model_ = model;
  if (const json* tokens = Field(message, "tokens"); tokens != nullptr && tokens->is_object()) {
    const auto counts = GeminiCounts(*tokens, "input", "output", "cached", "thoughts", "tool");
    context_tokens_ = counts ? CountField(*tokens, "input") : std::nullopt;
    context_window_ = WindowOf(model_.value_or(""));
    if (counts) {
      tally_.Add(TextField(message, "id").substr(0, kLongestMessageId), model_.value_or("unknown"), *counts,
                 time.value_or(0));
    }
  }
  const json* calls = Field(message, "toolCalls");
  if (calls != nullptr && calls->is_array() && !calls->empty()) {
    TakeToolCalls(*calls);
    claim_ = SessionStatus::kWorking;  // the model is told what came of them
  } else if (content != nullptr && !FirstPart(*content).empty()) {
    claim_ = SessionStatus::kIdle;
  } else {
    claim_.reset();  // a call may be under way: it is recorded when it has ended
  }
}

void GeminiLines::TakeToolCalls(const json& calls) {
  for (const json& call : calls) {
    const auto name = NameField(call, "name");
    const std::string id(TextField(call, "id").substr(0, kLongestMessageId));
    if (!name || std::find(seen_calls_.begin(), seen_calls_.end(), id) != seen_calls_.end()) continue;
    if (seen_calls_.size() >= kMostGeminiCalls) seen_calls_.erase(seen_calls_.begin());
    seen_calls_.push_back(id);
    AddAction(*name, TextField(call, "timestamp"));
  }
}

void GeminiLines::AddAction(std::string name, std::string_view timestamp) {
  if (actions_.size() >= kMostActions) actions_.erase(actions_.begin());
  actions_.push_back(
      {TimeOf(timestamp) ? std::optional(std::string(timestamp)) : std::nullopt, std::move(name)});
}

void GeminiLines::TakeError(const json& message, std::optional<double> time) {
  const json* content = Field(message, "content");
  const std::string_view text = content == nullptr ? "" : FirstPart(*content).substr(0, kLongestErrorText);
  if (!time || text.empty()) return;
  if (errors_.size() >= kMostErrors) errors_.erase(errors_.begin());
  // The service's own word for "too many requests", which the patterns of rate limits do not know.
  const bool exhausted = text.find("RESOURCE_EXHAUSTED") != std::string_view::npos;
  errors_.push_back({static_cast<int64_t>(*time * 1000 + 0.5),
                     exhausted ? "status 429 " + std::string(text) : std::string(text)});
}

void GeminiLines::TakeRecord(const json& record) {
  const auto time = TimeField(record, "timestamp");
  if (time) last_activity_ = time;
  const std::string_view type = TextField(record, "type");
  const json* parts = FieldAt(record, "message", "parts");
  if (type == "user") {
    calls_.clear();
    claim_ = SessionStatus::kWorking;
  }
  if (type == "tool_result" && parts != nullptr && parts->is_array()) {
    for (const json& part : *parts) {
      const json* response = Field(part, "functionResponse");
      if (response == nullptr) continue;
      const std::string_view id = TextField(*response, "id");
      std::erase_if(calls_, [id](const Call& call) { return call.id == id; });
    }
    claim_ = SessionStatus::kWorking;
  }
  if (type != "assistant") return;
  if (const auto model = NameField(record, "model")) model_ = model;
  if (const auto window = CountField(record, "contextWindowSize")) context_window_ = window;
  if (const json* usage = Field(record, "usageMetadata"); usage != nullptr && usage->is_object()) {
    const auto counts =
        GeminiCounts(*usage, "promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount",
                     "thoughtsTokenCount", "toolUsePromptTokenCount");
    context_tokens_ = counts ? CountField(*usage, "promptTokenCount") : std::nullopt;
    if (counts) {
      tally_.Add(TextField(record, "uuid").substr(0, kLongestMessageId), model_.value_or("unknown"), *counts,
                 time.value_or(0));
    }
  }
  calls_.clear();
  if (parts != nullptr && parts->is_array()) {
    for (const json& part : *parts) {
      const json* call = Field(part, "functionCall");
      const auto name = call == nullptr ? std::nullopt : NameField(*call, "name");
      if (!name) continue;
      AddAction(*name, TextField(record, "timestamp"));
      if (calls_.size() < kMostGeminiCalls) {
        calls_.push_back({std::string(TextField(*call, "id").substr(0, kLongestMessageId)), *name, time});
      }
    }
  }
  claim_ = calls_.empty() ? SessionStatus::kIdle : SessionStatus::kWorking;
}

SessionState GeminiLines::State() const {
  SessionState state;
  state.claim = claim_;
  state.model = model_;
  state.last_activity = last_activity_;
  state.context_tokens = context_tokens_;
  state.context_window = context_window_;
  if (!calls_.empty()) {
    state.tool = calls_.back().name;
    state.tool_since = calls_.back().since;
    state.local_tool = IsLocalGeminiTool(calls_.back().name);
  }
  state.actions.assign(actions_.rbegin(), actions_.rend());
  state.errors.assign(errors_.rbegin(), errors_.rend());
  return state;
}

std::optional<GeminiMeta> ParseGeminiMeta(std::string_view line) {
  const json parsed = ParseBoundedJson(line);
  GeminiMeta meta{std::string(TextField(parsed, "projectHash")), TextField(parsed, "kind") == "subagent",
                  TimeField(parsed, "startTime")};
  return meta.project_hash.empty() ? std::nullopt : std::optional(std::move(meta));
}

std::string Sha256Hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) != 1) return "";
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace agent_exporter::sessions

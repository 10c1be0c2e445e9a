#include "sessions/opencode_messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "sessions/bounded_json.h"
#include "sessions/claude_lines.h"
#include "sessions/json_fields.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr uint64_t kMostMilliseconds = uint64_t{1} << 53;

// Times are milliseconds since the epoch.
std::optional<double> Milliseconds(const json* times, const char* key) {
  if (times == nullptr) return std::nullopt;
  const auto value = CountField(*times, key, kMostMilliseconds);
  return value ? std::optional(static_cast<double>(*value) / 1000) : std::nullopt;
}

std::optional<TokenCounts> StepCounts(const json& message) {
  const json* tokens = Field(message, "tokens");
  const json* cache = tokens == nullptr ? nullptr : Field(*tokens, "cache");
  if (cache == nullptr) return std::nullopt;
  const auto input = CountField(*tokens, "input"), output = CountField(*tokens, "output");
  if (!input || !output) return std::nullopt;
  return TokenCounts{.input = *input,
                     .output = *output,
                     .cache_read = CountField(*cache, "read").value_or(0),
                     .cache_creation = CountField(*cache, "write").value_or(0),
                     .reasoning = CountField(*tokens, "reasoning").value_or(0)};
}

}  // namespace

void OpencodeMessages::TakeMessage(std::string_view id, std::string_view data) {
  const json message = ParseBoundedJson(data);
  const std::string_view role = TextField(message, "role");
  const json* times = Field(message, "time");
  const auto created = Milliseconds(times, "created"), completed = Milliseconds(times, "completed");
  if (created) last_activity_ = std::max({last_activity_.value_or(0), *created, completed.value_or(0)});
  if (role == "user") {
    claim_ = SessionStatus::kWorking;
    return;
  }
  if (role != "assistant") {
    claim_.reset();
    return;
  }
  if (const auto model = NameField(message, "modelID")) model_ = model;
  if (const auto counts = StepCounts(message)) {
    tally_.Add(id, model_.value_or("unknown"), *counts, completed.value_or(created.value_or(0)));
    // A summary replaces the conversation: how long that is now, the next step will tell.
    if (TrueField(message, "summary")) {
      context_tokens_.reset();
    } else if (counts->output > 0) {
      context_tokens_ = counts->total();
    }
  }
  const json* error = Field(message, "error");
  if (error != nullptr && error->is_object()) {
    claim_ = SessionStatus::kIdle;
    const auto code = Field(*error, "data") == nullptr
                          ? std::nullopt
                          : CountField(*Field(*error, "data"), "statusCode", 999);
    const auto ts = static_cast<int64_t>(completed.value_or(created.value_or(0)) * 1000 + 0.5);
    const bool known =
        std::any_of(errors_.begin(), errors_.end(), [ts](const auto& e) { return e.ts == ts; });
    if (code && ts > 0 && !known) {
      if (errors_.size() >= kMostErrors) errors_.erase(errors_.begin());
      errors_.push_back({ts, absl::StrCat("status ", *code)});
    }
    return;
  }
  const std::string_view finish = TextField(message, "finish");
  const bool goes_on = !completed || finish == "tool-calls" || finish == "unknown";
  claim_ = goes_on ? SessionStatus::kWorking : SessionStatus::kIdle;
}

void OpencodeMessages::ClearParts() {
  tool_.reset();
  tool_since_.reset();
  actions_.clear();
}

void OpencodeMessages::TakePart(std::string_view data) {
  const json part = ParseBoundedJson(data);
  const json* state = Field(part, "state");
  const auto name = NameField(part, "tool");
  if (TextField(part, "type") != "tool" || state == nullptr || !name) return;
  const auto since = Milliseconds(Field(*state, "time"), "start");
  const std::string_view status = TextField(*state, "status");
  if (!tool_ && (status == "running" || status == "pending")) {
    tool_ = name;
    tool_since_ = since;
  }
  if (actions_.size() < kMostActions) {
    actions_.push_back({since ? std::optional(TimeText(*since)) : std::nullopt, *name});
  }
}

SessionState OpencodeMessages::State() const {
  SessionState state;
  state.claim = claim_;
  state.model = model_;
  state.last_activity = last_activity_;
  state.context_tokens = context_tokens_;
  if (claim_ == SessionStatus::kWorking && tool_) {
    state.tool = tool_;
    state.tool_since = tool_since_;
    // An edit may wait for a language server, so only a command that is no process waits for its user.
    state.local_tool = *tool_ == "bash";
    if (*tool_ == "question") {
      state.claim = SessionStatus::kWaiting;
      state.waiting_for = "question";
    }
  }
  state.actions = actions_;
  state.errors.assign(errors_.rbegin(), errors_.rend());
  return state;
}

}  // namespace agent_exporter::sessions

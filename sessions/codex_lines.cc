#include "sessions/codex_lines.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "sessions/bounded_json.h"
#include "sessions/claude_lines.h"
#include "sessions/json_fields.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr size_t kMostCodexCalls = 64;
constexpr size_t kLongestCallId = 128;
constexpr uint64_t kMostMinutes = 366 * 24 * 60;

bool IsAnyOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// It runs a command or edits files, once its user allows it.
bool IsLocalCodexTool(std::string_view name) {
  return IsAnyOf(name,
                 {"apply_patch", "container.exec", "exec_command", "local_shell", "shell", "shell_command"});
}

// Codex counts cached tokens as input and reasoning as output.
std::optional<TokenCounts> CodexCounts(const json& usage) {
  const auto input = CountField(usage, "input_tokens"), output = CountField(usage, "output_tokens");
  const auto cached = CountField(usage, "cached_input_tokens");
  const auto reasoning = CountField(usage, "reasoning_output_tokens");
  if (!input || !output || cached.value_or(0) > *input || reasoning.value_or(0) > *output)
    return std::nullopt;
  return TokenCounts{.input = *input - cached.value_or(0),
                     .output = *output - reasoning.value_or(0),
                     .cache_read = cached.value_or(0),
                     .reasoning = reasoning.value_or(0)};
}

}  // namespace

void CodexLines::Restart() {
  first_.reset();
  now_.reset();
  model_.reset();
  claim_.reset();
  context_tokens_.reset();
  context_window_.reset();
  counted_.reset();
  calls_.clear();
  actions_.clear();
  limits_.clear();
}

void CodexLines::Take(std::optional<std::string_view> line) {
  const json parsed = line ? ParseBoundedJson(*line) : json(json::value_t::discarded);
  const json* payload = Field(parsed, "payload");
  if (!parsed.is_object()) {  // it may have ended the turn
    claim_.reset();
    calls_.clear();
    context_tokens_.reset();
    return;
  }
  if (const auto time = TimeField(parsed, "timestamp")) {
    now_ = time;
    if (!first_) first_ = time;
  }
  if (payload == nullptr) return;
  const std::string_view type = TextField(parsed, "type");
  if (type == "turn_context") model_ = NameField(*payload, "model");
  if (type == "compacted") context_tokens_.reset();
  if (type == "event_msg") TakeEvent(*payload);
  if (type == "response_item") TakeItem(*payload, TextField(parsed, "timestamp"));
}

void CodexLines::TakeEvent(const json& payload) {
  const std::string_view type = TextField(payload, "type");
  if (type == "token_count") return TakeCount(payload);
  if (type == "context_compacted") context_tokens_.reset();
  if (IsAnyOf(type, {"task_started", "turn_started"})) {
    claim_ = SessionStatus::kWorking;
    calls_.clear();
    if (const auto window = CountField(payload, "model_context_window")) context_window_ = window;
  }
  if (IsAnyOf(type, {"task_complete", "turn_complete", "turn_aborted"})) {
    claim_ = SessionStatus::kIdle;
    calls_.clear();
  }
}

void CodexLines::TakeItem(const json& payload, std::string_view timestamp) {
  const std::string_view type = TextField(payload, "type");
  const std::string_view id = TextField(payload, "call_id").substr(0, kLongestCallId);
  if (type.ends_with("_output")) {
    std::erase_if(calls_, [id](const Call& call) { return call.id == id; });
    return;
  }
  if (!IsAnyOf(type, {"function_call", "custom_tool_call", "local_shell_call"})) return;
  const std::string name =
      base::LabelValue(type == "local_shell_call" ? "local_shell" : TextField(payload, "name"));
  if (name.empty()) return;
  if (actions_.size() >= kMostActions) actions_.erase(actions_.begin());
  actions_.push_back({now_ ? std::optional(std::string(timestamp)) : std::nullopt, name});
  if (!id.empty() && calls_.size() < kMostCodexCalls) calls_.push_back({std::string(id), name, now_});
}

void CodexLines::TakeCount(const json& payload) {
  if (const json* limits = Field(payload, "rate_limits")) TakeLimits(*limits);
  const json* info = Field(payload, "info");
  if (info == nullptr || !info->is_object()) return;
  if (const auto window = CountField(*info, "model_context_window")) context_window_ = window;
  const json* last = Field(*info, "last_token_usage");
  context_tokens_ = last == nullptr ? std::nullopt : CountField(*last, "total_tokens");
  const json* total = Field(*info, "total_token_usage");
  const auto counts = total == nullptr ? std::nullopt : CodexCounts(*total);
  if (!counts) return;
  const bool anew = !counted_ || counts->total() < counted_->total();
  const TokenCounts more = anew ? *counts : counts->Since(*counted_);
  counted_ = counts;
  // What a fork copied was used by another session.
  if (!first_ || !now_ || std::floor(*now_) <= std::floor(*first_)) return;
  tally_.Add("", model_.value_or("unknown"), more, *now_);
}

void CodexLines::TakeLimits(const json& limits) {
  const std::string_view id = TextField(limits, "limit_id");
  if (!id.empty() && id != "codex") return;  // of one model, say
  std::vector<PlanLimit> found;
  for (const char* slot : {"primary", "secondary"}) {
    const json* limit = Field(limits, slot);
    if (limit == nullptr) continue;
    const auto used = NumberField(*limit, "used_percent");
    const auto minutes = CountField(*limit, "window_minutes", kMostMinutes);
    if (!used || *used < 0 || !minutes || *minutes == 0 || !now_) continue;
    auto reset = NumberField(*limit, "resets_at");
    if (const auto in = NumberField(*limit, "resets_in_seconds"); !reset && in) reset = *now_ + *in;
    found.push_back({WindowName(*minutes), *used / 100, reset, *now_});
  }
  if (!found.empty()) limits_ = std::move(found);
}

SessionState CodexLines::State() const {
  SessionState state;
  state.claim = claim_;
  state.model = model_;
  state.last_activity = now_;
  state.context_tokens = context_tokens_;
  state.context_window = context_window_;
  state.limits = limits_;
  if (!calls_.empty()) {
    state.tool = calls_.back().name;
    state.tool_since = calls_.back().since;
    state.local_tool = IsLocalCodexTool(calls_.back().name);
    if (calls_.back().name == "request_user_input") {
      state.claim = SessionStatus::kWaiting;
      state.waiting_for = "question";
    }
  }
  state.actions.assign(actions_.rbegin(), actions_.rend());
  return state;
}

std::optional<CodexMeta> ParseCodexMeta(std::string_view line) {
  const json parsed = ParseBoundedJson(line);
  const json* payload = Field(parsed, "payload");
  if (payload == nullptr || TextField(parsed, "type") != "session_meta") return std::nullopt;
  const json* source = Field(*payload, "source");
  return CodexMeta{std::string(TextField(*payload, "cwd")), source != nullptr && source->is_object()};
}

std::string WindowName(uint64_t minutes) {
  if (minutes % (24 * 60) == 0) return absl::StrCat(minutes / (24 * 60), "d");
  if (minutes % 60 == 0) return absl::StrCat(minutes / 60, "h");
  return absl::StrCat(minutes, "m");
}

}  // namespace agent_exporter::sessions

#include "sessions/statusline_file.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "sessions/bounded_json.h"
#include "sessions/json_fields.h"
#include "sessions/session_files.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr size_t kMostBytes = 16 << 10;

constexpr std::pair<const char*, const char*> kWindows[] = {{"five_hour", "5h"}, {"seven_day", "7d"}};

// The version of Claude Code decides whether the limits come as seconds or as text.
std::optional<double> ResetOf(const json& limit) {
  const auto number = NumberField(limit, "resets_at");
  return number && *number > 0 ? number : TimeField(limit, "resets_at");
}

}  // namespace

absl::StatusOr<Statusline> ParseStatuslineInput(std::string_view text, double now) {
  const json input = ParseBoundedJson(text);
  Statusline line{.session_id = std::string(TextField(input, "session_id")), .told_seconds = now};
  if (!IsPlainName(line.session_id)) return absl::InvalidArgumentError("no JSON of a Claude Code session");
  if (const json* model = Field(input, "model")) line.model = NameField(*model, "id");
  if (const json* window = Field(input, "context_window")) {
    line.context_window = CountField(*window, "context_window_size");
    if (const json* usage = Field(*window, "current_usage"); usage != nullptr && usage->is_object()) {
      const auto in = CountField(*usage, "input_tokens");
      const auto read = CountField(*usage, "cache_read_input_tokens");
      const auto creation = CountField(*usage, "cache_creation_input_tokens");
      if (in && read && creation) line.context_tokens = *in + *read + *creation;
    }
  }
  for (const auto& [key, name] : kWindows) {
    const json* limit = FieldAt(input, "rate_limits", key);
    const auto used = limit == nullptr ? std::nullopt : NumberField(*limit, "used_percentage");
    if (!used || *used < 0) continue;
    line.limits.push_back(
        {.window = name, .used_ratio = *used / 100, .reset_seconds = ResetOf(*limit), .told_seconds = now});
  }
  return line;
}

std::string StatuslineText(const Statusline& line) {
  json object = {{"session_id", line.session_id}, {"told", line.told_seconds}, {"limits", json::array()}};
  if (line.model) object["model"] = *line.model;
  if (line.context_tokens) object["context_tokens"] = *line.context_tokens;
  if (line.context_window) object["context_window"] = *line.context_window;
  for (const PlanLimit& limit : line.limits) {
    json entry = {{"window", limit.window}, {"used_ratio", limit.used_ratio}};
    if (limit.reset_seconds) entry["reset"] = *limit.reset_seconds;
    object["limits"].push_back(std::move(entry));
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Statusline> ParseStatuslineFile(std::string_view text) {
  const json object = ParseBoundedJson(text);
  const auto told = NumberField(object, "told");
  if (!told) return absl::InvalidArgumentError("no status line");
  Statusline line{.session_id = base::LabelValue(TextField(object, "session_id")),
                  .model = NameField(object, "model"),
                  .context_tokens = CountField(object, "context_tokens"),
                  .context_window = CountField(object, "context_window"),
                  .told_seconds = *told};
  const json* limits = Field(object, "limits");
  if (limits == nullptr || !limits->is_array()) return line;
  for (const json& limit : *limits) {
    const auto used = NumberField(limit, "used_ratio");
    for (const auto& [key, name] : kWindows) {
      if (TextField(limit, "window") != name || !used || *used < 0) continue;
      line.limits.push_back({.window = name,
                             .used_ratio = *used,
                             .reset_seconds = NumberField(limit, "reset"),
                             .told_seconds = *told});
    }
  }
  return line;
}

absl::StatusOr<Statusline> ReadStatusline(const SessionProcess& process, const std::string& session_id) {
  const std::string runtime = PathVariable(process, "XDG_RUNTIME_DIR");
  const std::string places[] = {runtime.empty() ? absl::StrCat("/run/user/", process.uid) : runtime,
                                process.home.empty() ? "" : process.home + "/.cache"};
  for (const std::string& place : places) {
    if (place.empty()) continue;
    const auto directory = OpenAsSeen(process, place);
    if (!directory.ok()) continue;
    const auto folder = OpenBelow(*directory, {"agent_exporter", "claude"});
    if (!folder.ok()) continue;
    const auto text = ReadOwn(process, *folder, session_id + ".json", kMostBytes);
    if (text.ok()) return ParseStatuslineFile(*text);
  }
  return absl::NotFoundError("no status line");
}

}  // namespace agent_exporter::sessions

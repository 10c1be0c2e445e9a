#include "sessions/meta.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/agent_names.h"
#include "base/bounded_command.h"
#include "base/bounded_reads.h"
#include "base/label_value.h"
#include "base/regular_file.h"
#include "sessions/bounded_json.h"
#include "sessions/json_fields.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr size_t kMaxPaneTail = 16 << 10;
constexpr size_t kMaxMetaActions = 50;
constexpr uint64_t kMaxSubagents = 1'000'000;
constexpr uint64_t kMaxHeapBytes = uint64_t{1} << 50;

// Cuts a long string like a label value. Empty if the member is not a string.
std::optional<std::string> Word(const json& object, const char* key) {
  const json* member = Field(object, key);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return base::LabelValue(member->get_ref<const std::string&>());
}

// Never cuts a screen: empty if it is too long.
std::optional<std::string> Screen(const json& object, const char* key) {
  const json* member = Field(object, key);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  const std::string& text = member->get_ref<const std::string&>();
  return text.size() > kMaxPaneTail ? std::nullopt : std::optional<std::string>(text);
}

// {"ts": …, "preview": …} or the preview alone.
std::optional<std::vector<AgentAction>> Actions(const json& object, const char* key) {
  const json* member = Field(object, key);
  if (member == nullptr || !member->is_array() || member->size() > kMaxMetaActions) return std::nullopt;
  std::vector<AgentAction> actions;
  for (const json& entry : *member) {
    const json* preview = entry.is_object() ? Field(entry, "preview") : &entry;
    if (preview == nullptr || !preview->is_string()) return std::nullopt;
    actions.push_back({entry.is_object() ? Word(entry, "ts") : std::nullopt,
                       ActionName(preview->get_ref<const std::string&>())});
  }
  return actions;
}

absl::StatusOr<std::string> FilePath(const MetaOptions& options, const std::string& agent) {
  constexpr std::string_view kPlace = "{agent}";
  const size_t at = options.path.find(kPlace);
  if (at == std::string::npos) return options.path;
  // A template may build the name from text that the process chose.
  if (agent.empty() || agent.front() == '.' || agent.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("the name of agent ", base::Quoted(agent),
                                                   " cannot be part of the path ", options.path));
  }
  std::string path = options.path;
  return path.replace(at, kPlace.size(), agent);
}

}  // namespace

std::string_view SourceName(MetaOptions::Source source) {
  switch (source) {
    case MetaOptions::Source::kClaudeCode:
      return "claude-code";
    case MetaOptions::Source::kFile:
      return "file";
    case MetaOptions::Source::kCommand:
      return "command";
    case MetaOptions::Source::kNone:
      break;
  }
  return "none";
}

const MetaOptions* FindMetaOptions(const std::vector<MetaOptions>& all, std::string_view agent) {
  for (const MetaOptions& options : all) {
    if (base::AgentNameMatches(options.agent, agent)) return &options;
  }
  return nullptr;
}

absl::StatusOr<AgentMeta> ParseAgentMeta(std::string_view text) {
  const json object = ParseBoundedJson(text);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  AgentMeta meta;
  if (const json* alive = Field(object, "alive"); alive != nullptr && alive->is_boolean()) {
    meta.alive = alive->get<bool>();
  }
  if (const json* subagents = Field(object, "subagents"); subagents != nullptr &&
                                                          subagents->is_number_unsigned() &&
                                                          subagents->get<uint64_t>() <= kMaxSubagents) {
    meta.subagents = subagents->get<uint64_t>();
  }
  if (const json* context = Field(object, "context_pct"); context != nullptr && context->is_number()) {
    const double percent = context->get<double>();
    if (std::isfinite(percent) && percent >= 0 && percent <= 100) meta.context_pct = percent;
  }
  if (const json* heap = Field(object, "heap_used_bytes");
      heap != nullptr && heap->is_number_unsigned() && heap->get<uint64_t>() <= kMaxHeapBytes) {
    meta.heap_used_bytes = heap->get<uint64_t>();
  }
  meta.current_tool = Word(object, "current_tool");
  meta.last_activity = Word(object, "last_activity");
  meta.model = Word(object, "model");
  meta.pane_tail = Screen(object, "pane_tail");
  meta.pane_tail_block = Screen(object, "pane_tail_block");
  meta.recent_actions = Actions(object, "recent_actions");
  return meta;
}

absl::StatusOr<AgentMeta> ReadMetaFile(const MetaOptions& options, const agents::AgentSample& agent) {
  const absl::StatusOr<std::string> path = FilePath(options, agent.name);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::string> text = base::BoundedReads::Shared().Read<std::string>(
      *path, [path = *path] { return base::ReadRegularFile(path, kMaxMetaBytes); }, base::kFilePatience);
  if (!text.ok()) return text.status();
  absl::StatusOr<AgentMeta> meta = ParseAgentMeta(*text);
  if (!meta.ok()) return absl::InvalidArgumentError(absl::StrCat(*path, ": ", meta.status().message()));
  return meta;
}

absl::StatusOr<AgentMeta> RunMetaCommand(const MetaOptions& options, const agents::AgentSample& agent,
                                         int cancel_fd) {
  std::string pids;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.role != agents::Role::kRoot || process.state == 'Z') continue;
    absl::StrAppend(&pids, pids.empty() ? "" : " ", process.key.pid);
  }
  base::BoundedCommand command{
      .argv = options.command,
      .environment = {{"AGENT_EXPORTER_AGENT", agent.name}, {"AGENT_EXPORTER_PIDS", pids}},
      .time_limit = kMetaCommandLimit,
      .max_output = kMaxMetaBytes,
      .cancel_fd = cancel_fd};
  const absl::StatusOr<base::CommandResult> result = base::RunBounded(command);
  if (absl::IsNotFound(result.status())) {
    return absl::FailedPreconditionError(
        result.status().message());  // a configuration error, not missing data
  }
  if (!result.ok()) return result.status();
  if (!result->success()) {
    return absl::UnknownError(absl::StrCat(options.command.front(), ": ",
                                           result->exit_code
                                               ? absl::StrCat("exit code ", *result->exit_code)
                                               : absl::StrCat("ended by signal ", result->signal)));
  }
  absl::StatusOr<AgentMeta> meta = ParseAgentMeta(result->out);
  if (!meta.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("output of ", options.command.front(), ": ", meta.status().message()));
  }
  return meta;
}

}  // namespace agent_exporter::sessions

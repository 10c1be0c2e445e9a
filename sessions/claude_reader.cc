#include "sessions/claude_reader.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sessions/bounded_json.h"
#include "sessions/json_fields.h"
#include "sessions/statusline_file.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

constexpr size_t kMostRegistryBytes = 64 << 10;
constexpr size_t kMostFolders = 5'000;
constexpr size_t kMostSubagents = 32;
constexpr int kLooksBetweenSeeks = 60;
// The boot time in /proc is in whole seconds, and moves by one when the clock is set.
constexpr double kClockSlack = 2;
constexpr std::string_view kSuffix = ".jsonl";

constexpr uint64_t kUsualWindow = 200'000;
constexpr uint64_t kLongWindow = 1'000'000;

// Some versions store the transcripts of subagents (agent-*) in the same folder.
bool IsSessionName(std::string_view name) {
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) && !name.starts_with("agent-") &&
         name.front() != '.';
}

// A number, or a number as text.
std::optional<uint64_t> TicksOf(const json& object, const char* key) {
  if (const auto number = CountField(object, key, UINT64_MAX)) return number;
  const std::string text(TextField(object, key));
  if (text.empty() || text.size() > 20 || !std::all_of(text.begin(), text.end(), ::isdigit))
    return std::nullopt;
  return std::strtoull(text.c_str(), nullptr, 10);
}

// Whether the file was written by this very process, not by an earlier one with its pid.
bool IsOf(const json& registry, const SessionProcess& process) {
  const auto pid = CountField(registry, "pid");
  if (pid != static_cast<uint64_t>(process.key.pid) && pid != static_cast<uint64_t>(process.inner_pid)) {
    return false;
  }
  if (const auto ticks = TicksOf(registry, "procStart")) return *ticks == process.key.start_ticks;
  const auto started = CountField(registry, "startedAt", UINT64_MAX);
  return started && static_cast<double>(*started) / 1000 >= process.start_seconds - kClockSlack;
}

std::optional<SessionStatus> ClaimOf(std::string_view status) {
  if (status == "busy" || status == "shell") return SessionStatus::kWorking;
  if (status == "waiting") return SessionStatus::kWaiting;
  if (status == "idle") return SessionStatus::kIdle;
  return std::nullopt;
}

// The window of a model that no configuration and no status line tells. More than fits into the usual one
// can only be in the long one.
uint64_t GuessedWindow(std::string_view model, uint64_t tokens) {
  return model.find("[1m]") != std::string_view::npos || tokens > kUsualWindow ? kLongWindow : kUsualWindow;
}

}  // namespace

ClaudeReader::ClaudeReader(const ReaderOptions& options)
    : options_(options), tally_(options.count_from), lines_(tally_) {}

std::vector<base::Descriptor> ClaudeReader::ConfigFolders(const SessionProcess& process) const {
  std::vector<base::Descriptor> folders;
  const auto add = [&folders](absl::StatusOr<base::Descriptor> folder) {
    if (folder.ok()) folders.push_back(*std::move(folder));
  };
  const std::string own = PathVariable(process, "CLAUDE_CONFIG_DIR");
  if (!options_.config_dir.empty()) {
    add(base::OpenDirectory(options_.config_dir));
  } else if (!own.empty()) {
    add(OpenAsSeen(process, own));
  } else if (const auto home = OpenAsSeen(process, process.home); home.ok()) {
    add(OpenBelow(*home, {".claude"}));
    add(OpenBelow(*home, {".config", "claude"}));
  }
  return folders;
}

absl::StatusOr<ClaudeReader::Registered> ClaudeReader::ReadRegistry(const SessionProcess& process) {
  absl::Status refused = absl::NotFoundError("not in the registry");
  for (const base::Descriptor& config : ConfigFolders(process)) {
    const auto folder = OpenBelow(config, {"sessions"});
    if (!folder.ok()) continue;
    const auto text = ReadOwn(process, *folder, absl::StrCat(process.inner_pid, ".json"), kMostRegistryBytes);
    if (!text.ok()) {
      if (!absl::IsNotFound(text.status())) refused = text.status();
      continue;
    }
    const json registry = ParseBoundedJson(*text);
    if (!IsOf(registry, process)) continue;
    if (TrueField(registry, "spare")) return absl::UnavailableError("a worker in reserve");
    Registered found{.session_id = std::string(TextField(registry, "sessionId")),
                     .cwd = std::string(TextField(registry, "cwd")),
                     .name = NameField(registry, "name"),
                     .status = NameField(registry, "status")};
    if (const auto updated = CountField(registry, "statusUpdatedAt", UINT64_MAX)) {
      found.updated = static_cast<double>(*updated) / 1000;
    }
    if (IsPlainName(found.session_id)) return found;
  }
  return refused;
}

absl::StatusOr<ClaudeReader::Transcript> ClaudeReader::FindTranscript(const SessionProcess& process,
                                                                      const Registered* registered) {
  if (registered == nullptr) return FindNewest(process);
  const std::string file = registered->session_id + std::string(kSuffix);
  for (const base::Descriptor& config : ConfigFolders(process)) {
    const auto projects = OpenBelow(config, {"projects"});
    if (!projects.ok()) continue;
    std::vector<std::string> names =
        ClaudeProjectFolders(registered->cwd.empty() ? process.cwd : registered->cwd);
    if (sought_id_ == registered->session_id && !sought_folder_.empty()) {
      names.insert(names.begin(), sought_folder_);
    }
    for (const std::string& name : names) {
      auto folder = base::OpenSubdirectory(*projects, name);
      if (folder.ok() && OpenOwn(process, *folder, file).ok()) {
        return Transcript{*std::move(folder), registered->session_id};
      }
    }
    // It may have been begun elsewhere.
    if (sought_id_ == registered->session_id && --looks_until_seek_ > 0) continue;
    sought_id_ = registered->session_id;
    sought_folder_.clear();
    looks_until_seek_ = kLooksBetweenSeeks;
    for (const std::string& name : FindFolders(*projects, kMostFolders)) {
      auto folder = base::OpenSubdirectory(*projects, name);
      if (!folder.ok() || !OpenOwn(process, *folder, file).ok()) continue;
      sought_folder_ = name;
      return Transcript{*std::move(folder), registered->session_id};
    }
  }
  return absl::NotFoundError("no transcript yet");
}

absl::StatusOr<ClaudeReader::Transcript> ClaudeReader::FindNewest(const SessionProcess& process) {
  if (!process.alone) return absl::NotFoundError("several sessions in one folder, and no registry");
  std::optional<FoundFile> newest;
  absl::StatusOr<Transcript> found = absl::NotFoundError("no transcript since the process started");
  for (const base::Descriptor& config : ConfigFolders(process)) {
    const auto projects = OpenBelow(config, {"projects"});
    if (!projects.ok()) continue;
    for (const std::string& name : ClaudeProjectFolders(process.cwd)) {
      auto folder = base::OpenSubdirectory(*projects, name);
      if (!folder.ok()) continue;
      const std::vector<FoundFile> files = FindOwn(process, *folder, 1, IsSessionName);
      if (files.empty() || files[0].written < process.start_seconds - kClockSlack) continue;
      if (newest && files[0].written <= newest->written) continue;
      newest = files[0];
      found = Transcript{*std::move(folder), newest->name.substr(0, newest->name.size() - kSuffix.size())};
    }
  }
  return found;
}

absl::Status ClaudeReader::Follow(const SessionProcess& process, const Transcript& transcript,
                                  uint64_t* bytes) {
  const auto file = OpenOwn(process, transcript.folder, transcript.session_id + std::string(kSuffix));
  if (!file.ok()) return file.status();
  const auto restart = [this] {
    lines_.Restart();
    tally_.Restart();
    subagents_.clear();
  };
  if (transcript.session_id != session_id_) restart();
  session_id_ = transcript.session_id;
  const absl::Status status = follower_.Poll(
      *file, bytes, restart, [this](std::optional<std::string_view> line) { lines_.Take(line); });
  if (status.ok() && follower_.at_end()) FollowSubagents(process, transcript, bytes);
  return status;
}

// Their tokens are the session's as well. What cannot be read is left out: it is none of the session's own.
void ClaudeReader::FollowSubagents(const SessionProcess& process, const Transcript& transcript,
                                   uint64_t* bytes) {
  auto folder = OpenBelow(transcript.folder, {transcript.session_id, "subagents"});
  if (!folder.ok()) folder = OpenBelow(transcript.folder, {transcript.session_id});
  if (!folder.ok()) return;
  for (const FoundFile& found : FindOwn(process, *folder, kMostSubagents,
                                        [](std::string_view name) { return name.ends_with(kSuffix); })) {
    const auto file = OpenOwn(process, *folder, found.name);
    if (!file.ok()) continue;
    if (subagents_.size() >= 4 * kMostSubagents) subagents_.clear();
    const absl::Status ignored = subagents_[found.name].Poll(
        *file, bytes, [] {}, [this](std::optional<std::string_view> line) { lines_.TakeTokens(line); });
  }
}

absl::StatusOr<SessionState> ClaudeReader::Read(const SessionProcess& process, uint64_t* bytes) {
  const absl::StatusOr<Registered> registered = ReadRegistry(process);
  if (absl::IsUnavailable(registered.status())) return absl::NotFoundError("a worker in reserve");
  if (!registered.ok() && !absl::IsNotFound(registered.status())) return registered.status();
  const auto transcript = FindTranscript(process, registered.ok() ? &*registered : nullptr);
  if (!transcript.ok() && !registered.ok()) return transcript.status();
  SessionState state;
  if (transcript.ok()) {
    if (absl::Status status = Follow(process, *transcript, bytes); !status.ok()) return status;
    // Half a transcript tells of the past.
    if (follower_.at_end()) state = lines_.State();
    if (follower_.at_end() && follower_.whole()) state.tokens = tally_.total();
    state.progress = follower_.offset();
  }
  state.fresh = tally_.TakeFresh();
  if (registered.ok()) {
    state.name = registered->name;
    if (const auto claim = ClaimOf(registered->status.value_or(""))) {
      state.claim = claim;
      state.settled = true;
      if (*claim == SessionStatus::kWaiting && !state.waiting_for) state.waiting_for = "permission";
      if (*claim != SessionStatus::kWaiting) state.waiting_for.reset();
    }
    if (registered->updated)
      state.last_activity = std::max(state.last_activity.value_or(0), *registered->updated);
  }
  const std::string& id = registered.ok() ? registered->session_id : session_id_;
  const absl::StatusOr<Statusline> told = ReadStatusline(process, id);
  if (told.ok()) {
    state.context_window = told->context_window;
    state.limits = told->limits;
    if (!state.context_tokens) state.context_tokens = told->context_tokens;
    if (!state.model) state.model = told->model;
  }
  const std::string model = state.model.value_or("");
  if (!state.context_window) state.context_window = ConfiguredWindow(options_, model);
  if (!state.context_window && state.context_tokens) {
    state.context_window = GuessedWindow(model, *state.context_tokens);
  }
  return state;
}

}  // namespace agent_exporter::sessions

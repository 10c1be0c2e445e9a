#include "sessions/codex_reader.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace agent_exporter::sessions {
namespace {

constexpr int kLooksBetweenAsking = 10;
constexpr size_t kMostRollouts = 16;
constexpr size_t kMostDays = 3;
constexpr size_t kMostFilesOfADay = 20;
constexpr size_t kLongestFirstLine = 1 << 20;
constexpr double kStartSlack = 2;
constexpr std::string_view kRolloutFolder = "/sessions/";
constexpr std::string_view kRolloutSuffix = ".jsonl";

bool IsRolloutName(std::string_view name) {
  return name.starts_with("rollout-") && name.ends_with(kRolloutSuffix);
}

// "2026/11/28/rollout-….jsonl" of a path that ends in it, or "".
std::string BelowSessions(std::string_view path) {
  const size_t at = path.rfind(kRolloutFolder);
  if (at == std::string_view::npos) return "";
  const std::string below(path.substr(at + kRolloutFolder.size()));
  const std::vector<std::string> parts = absl::StrSplit(below, '/');
  const bool plain =
      std::all_of(parts.begin(), parts.end(), [](const auto& part) { return IsPlainName(part); });
  return parts.size() == 4 && plain && IsRolloutName(parts[3]) ? below : "";
}

// The newest names first; names of years, months and days sort as dates do.
std::vector<std::string> Newest(const base::Descriptor& folder, size_t most) {
  std::vector<std::string> names = FindFolders(folder, 1000);
  std::sort(names.rbegin(), names.rend());
  names.resize(std::min(names.size(), most));
  return names;
}

std::string FirstLine(const base::OpenFile& file) {
  std::string text(kLongestFirstLine, '\0');
  size_t have = 0, end = std::string::npos;
  while (have < text.size() && end == std::string::npos) {
    const size_t wanted = std::min<size_t>(64 << 10, text.size() - have);
    const ssize_t got = ::pread(file.descriptor.get(), text.data() + have, wanted, static_cast<off_t>(have));
    if (got <= 0) break;
    end = std::string_view(text).substr(0, have + static_cast<size_t>(got)).find('\n', have);
    have += static_cast<size_t>(got);
  }
  text.resize(end == std::string::npos ? 0 : end);
  return text;
}

}  // namespace

SessionReader::Held CodexReader::WantsHeld() {
  asked_ = held_.empty() || --looks_until_ask_ <= 0;
  if (!asked_) return {};
  looks_until_ask_ = kLooksBetweenAsking;
  return {kRolloutFolder, kRolloutSuffix};
}

void CodexReader::TakeHeld(const SessionProcess& process) {
  if (!asked_) return;
  held_.clear();
  for (const std::string& path : process.held) {
    std::string below = BelowSessions(path);
    if (!below.empty() && held_.size() < kMostRollouts) held_.push_back(std::move(below));
  }
}

absl::StatusOr<base::OpenFile> CodexReader::Open(const SessionProcess& process,
                                                 const base::Descriptor& sessions,
                                                 const std::string& path) const {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  const auto folder = OpenBelow(sessions, {parts[0], parts[1], parts[2]});
  if (!folder.ok()) return folder.status();
  return OpenOwn(process, *folder, parts[3]);
}

CodexReader::Rollout* CodexReader::Find(const SessionProcess& process, const base::Descriptor& sessions,
                                        const std::string& path) {
  const auto found = rollouts_.find(path);
  if (found != rollouts_.end()) return found->second.get();
  const auto file = Open(process, sessions, path);
  if (!file.ok()) return nullptr;
  auto meta = ParseCodexMeta(FirstLine(*file));
  if (!meta) return nullptr;
  auto rollout = std::make_unique<Rollout>(options_.count_from);
  rollout->meta = *std::move(meta);
  return rollouts_.emplace(path, std::move(rollout)).first->second.get();
}

std::string CodexReader::Own(const SessionProcess& process, const base::Descriptor& sessions) {
  std::vector<std::string> own;
  for (const std::string& path : held_) {
    const Rollout* rollout = Find(process, sessions, path);
    if (rollout != nullptr && !rollout->meta.subagent) own.push_back(path);
  }
  // A daemon may hold those of other sessions as well.
  if (own.size() > 1) {
    std::erase_if(own, [&](const std::string& path) { return rollouts_.at(path)->meta.cwd != process.cwd; });
  }
  if (own.size() > 1 && !process.alone) return "";
  std::sort(own.begin(), own.end());
  return own.empty() ? "" : own.back();  // the names hold the time of their beginning
}

std::string CodexReader::FindByFolder(const SessionProcess& process, const base::Descriptor& sessions) {
  if (!process.alone) return "";
  size_t days = 0;
  for (const std::string& year : Newest(sessions, 2)) {
    const auto months = OpenBelow(sessions, {year});
    if (!months.ok()) continue;
    for (const std::string& month : Newest(*months, 2)) {
      const auto all = OpenBelow(*months, {month});
      if (!all.ok()) continue;
      for (const std::string& day : Newest(*all, kMostDays)) {
        if (++days > kMostDays) return "";
        const auto folder = OpenBelow(*all, {day});
        if (!folder.ok()) continue;
        for (const FoundFile& file : FindOwn(process, *folder, kMostFilesOfADay, IsRolloutName)) {
          if (file.written < process.start_seconds - kStartSlack) break;
          std::string path = absl::StrCat(year, "/", month, "/", day, "/", file.name);
          if (BelowSessions(absl::StrCat("/sessions/", path)).empty()) continue;
          const Rollout* rollout = Find(process, sessions, path);
          if (rollout != nullptr && !rollout->meta.subagent && rollout->meta.cwd == process.cwd) return path;
        }
      }
    }
  }
  return "";
}

absl::StatusOr<SessionState> CodexReader::Read(const SessionProcess& process, uint64_t* bytes) {
  TakeHeld(process);
  std::string home = PathVariable(process, "CODEX_HOME");
  if (home.empty() && !process.home.empty()) home = process.home + "/.codex";
  const auto directory = OpenAsSeen(process, home);
  if (!directory.ok()) return directory.status();
  const auto sessions = OpenBelow(*directory, {"sessions"});
  if (!sessions.ok()) return sessions.status();
  std::string own = Own(process, *sessions);
  const bool held = !own.empty();
  if (!held) {
    if (asked_ || by_folder_.empty()) by_folder_ = FindByFolder(process, *sessions);
    own = by_folder_;
  }
  if (own.empty()) return absl::NotFoundError("no rollout of this process");
  std::erase_if(rollouts_, [&](const auto& entry) {
    return entry.first != own && std::find(held_.begin(), held_.end(), entry.first) == held_.end();
  });
  SessionState state;
  for (const auto& [path, kept] : rollouts_) {
    Rollout* const rollout = kept.get();
    if (path != own && !rollout->meta.subagent) continue;  // another session's, of the same daemon
    const auto file = Open(process, *sessions, path);
    if (!file.ok()) continue;
    const absl::Status status = rollout->follower.Poll(
        *file, bytes,
        [rollout] {
          rollout->lines.Restart();
          rollout->tally.Restart();
        },
        [rollout](std::optional<std::string_view> line) { rollout->lines.Take(line); });
    if (!status.ok()) return status;
    for (const auto& [model, counts] : rollout->tally.TakeFresh()) state.fresh[model] += counts;
  }
  const auto followed = rollouts_.find(own);
  if (followed == rollouts_.end()) return absl::NotFoundError("no rollout of this process");
  Rollout& rollout = *followed->second;
  TokensByModel fresh = std::move(state.fresh);
  if (rollout.follower.at_end()) {  // half a file tells of the past
    state = rollout.lines.State();
    if (rollout.follower.whole()) state.tokens = rollout.tally.total();
    state.subagents = static_cast<uint64_t>(std::count_if(
        rollouts_.begin(), rollouts_.end(), [](const auto& entry) { return entry.second->meta.subagent; }));
  }
  state.fresh = std::move(fresh);
  state.progress = rollout.follower.offset();
  // The commands of another's daemon are not in our tree.
  state.local_tool = state.local_tool && held;
  if (const auto window = ConfiguredWindow(options_, state.model.value_or(""))) state.context_window = window;
  return state;
}

}  // namespace agent_exporter::sessions

#include "sessions/claude_meta.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agents/process_facts.h"
#include "base/bounded_reads.h"
#include "kernel/directory.h"
#include "kernel/host.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kMaxCachedSessions = 256;
constexpr size_t kMaxKnown = 4096;
// Entries of a folder to check.
constexpr size_t kMaxEntries = 50'000;
// The boot time in /proc is in whole seconds, and moves by one when the clock is set.
constexpr double kClockSlack = 2;

int64_t Nanoseconds(const struct timespec& time) {
  return int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec;
}

agents::RuleSet ClaudeProfile() {
  std::vector<agents::Rule> rules;
  for (agents::Rule& rule : agents::BuiltInRules()) {
    if (rule.name == "claude") rules.push_back(std::move(rule));
  }
  return *agents::RuleSet::Make(std::move(rules));  // profiles_test checks that the built-in rules compile
}

// Some versions store the transcripts of subagents (agent-*) in the same folder.
bool IsSessionName(std::string_view name) {
  constexpr std::string_view kSuffix = ".jsonl";
  return name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix &&
         name.substr(0, 6) != "agent-" && name.front() != '.';
}

AgentMeta ToMeta(const ClaudeSession& session, uint64_t context_window) {
  AgentMeta meta;
  meta.alive = true;
  meta.model = session.model;
  meta.last_activity = session.last_activity;
  meta.current_tool = session.current_tool;
  meta.subagents = session.subagents;
  // More tokens than the window: the configured window is wrong.
  if (session.context_tokens && *session.context_tokens <= context_window) {
    meta.context_pct =
        100.0 * static_cast<double>(*session.context_tokens) / static_cast<double>(context_window);
  }
  meta.service_errors = session.errors;
  if (!session.recent_actions.empty()) meta.recent_actions = session.recent_actions;
  return meta;
}

}  // namespace

// Where the transcripts of a process are, and from which time on they can be its own.
struct ClaudeMeta::Place {
  uid_t uid = 0;
  std::string cwd;
  double start_seconds = 0;
};

// Thread safety: Read by any number of threads.
class ClaudeMeta::Transcripts {
 public:
  explicit Transcripts(HomeOf home_of) : home_of_(std::move(home_of)) {}

  // The session of the newest transcript of all `places`. An error only where there is none.
  absl::StatusOr<ClaudeSession> Read(const std::vector<Place>& places, const std::string& config_dir) {
    absl::Status first_error;
    std::optional<base::OpenFile> best;
    for (const Place& place : places) {
      const absl::Status status = FindNewest(place, config_dir, &best);
      if (!status.ok() && !absl::IsNotFound(status)) first_error.Update(status);
    }
    if (best) return ReadOnce(*best);
    return first_error.ok() ? absl::NotFoundError("no transcript since the process started") : first_error;
  }

 private:
  struct Remembered {
    uint64_t size = 0;
    int64_t mtime_ns = 0;
    ClaudeSession session;
  };

  absl::StatusOr<base::Descriptor> OpenProjects(const Place& place, const std::string& config_dir) {
    if (!config_dir.empty()) {
      const absl::StatusOr<base::Descriptor> directory = base::OpenDirectory(config_dir);
      if (!directory.ok()) return directory.status();
      return base::OpenSubdirectory(*directory, "projects");
    }
    const std::optional<std::string> home = home_of_(place.uid);
    if (!home) return absl::NotFoundError("the process' user has no home");
    absl::StatusOr<base::Descriptor> directory = base::OpenDirectory(*home);
    for (const char* name : {".claude", "projects"}) {
      if (directory.ok()) directory = base::OpenSubdirectory(*directory, name);
    }
    return directory;
  }

  // Replaces *best by the newest transcript of `place` if that is newer.
  absl::Status FindNewest(const Place& place, const std::string& config_dir,
                          std::optional<base::OpenFile>* best) {
    const absl::StatusOr<base::Descriptor> directory = OpenProjects(place, config_dir);
    if (!directory.ok()) return directory.status();
    for (const std::string& name : ClaudeProjectFolders(place.cwd)) {
      const absl::StatusOr<base::Descriptor> folder = base::OpenSubdirectory(*directory, name);
      if (!folder.ok()) {
        if (absl::IsNotFound(folder.status())) continue;
        return folder.status();
      }
      std::string newest;
      int64_t newest_ns = static_cast<int64_t>((place.start_seconds - kClockSlack) * 1e9);
      if (*best) newest_ns = std::max(newest_ns, Nanoseconds((*best)->stat.st_mtim));
      size_t entries = 0;
      std::string buffer(32 << 10, '\0');
      kernel::ForEachEntry(folder->get(), &buffer, [&](const char* entry) {
        struct stat stat = {};
        if (++entries > kMaxEntries || !IsSessionName(entry) ||
            ::fstatat(folder->get(), entry, &stat, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(stat.st_mode) ||
            stat.st_uid != place.uid || Nanoseconds(stat.st_mtim) <= newest_ns)
          return;
        newest = entry;
        newest_ns = Nanoseconds(stat.st_mtim);
      });
      if (newest.empty()) continue;
      absl::StatusOr<base::OpenFile> file = base::OpenRegularFile(*folder, newest, place.uid);
      if (!file.ok()) return file.status();
      *best = *std::move(file);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ClaudeSession> ReadOnce(const base::OpenFile& file) {
    const auto size = static_cast<uint64_t>(file.stat.st_size);
    const int64_t mtime_ns = Nanoseconds(file.stat.st_mtim);
    const std::pair key(file.stat.st_dev, file.stat.st_ino);
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = sessions_.find(key);
          known != sessions_.end() && known->second.size == size && known->second.mtime_ns == mtime_ns) {
        return known->second.session;
      }
    }
    absl::StatusOr<ClaudeSession> session = ReadClaudeTranscript(file.descriptor.get(), size);
    if (!session.ok()) return session;
    const std::lock_guard lock(mutex_);
    if (sessions_.size() > kMaxCachedSessions) sessions_.clear();
    sessions_[key] = {size, mtime_ns, *session};
    return session;
  }

  const HomeOf home_of_;
  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, Remembered> sessions_;  // read once as long as they do not change
};

std::optional<std::string> HomeFromUserDatabase(uid_t uid) {
  std::string buffer(16 << 10, '\0');
  struct passwd entry = {};
  struct passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return std::string(entry.pw_dir);
}

ClaudeMeta::ClaudeMeta(const kernel::RootedReader& proc, HomeOf home_of)
    : files_(proc),
      transcripts_(std::make_shared<Transcripts>(std::move(home_of))),
      profile_(ClaudeProfile()) {
  const absl::StatusOr<uint64_t> boot = kernel::ReadBootTime(proc);
  boot_time_ = boot.ok() ? static_cast<double>(*boot) : 0;
}

bool ClaudeMeta::IsClaude(const agents::ProcessSample& process) {
  if (known_.size() > kMaxKnown) known_.clear();
  const auto [known, is_new] = known_.try_emplace({process.key, process.comm}, false);
  if (is_new) {
    agents::LazyProcessFacts facts(process.key, process.comm, files_, unreadable_);
    known->second = profile_.Find(facts).has_value();
  }
  return known->second;
}

bool ClaudeMeta::IsClaude(const agents::AgentSample& agent) {
  return std::any_of(
      agent.processes.begin(), agent.processes.end(), [this](const agents::ProcessSample& process) {
        return process.role == agents::Role::kRoot && process.state != 'Z' && IsClaude(process);
      });
}

// Checks descendants only if no root is Claude Code: there may be many, and short-lived ones.
std::vector<const agents::ProcessSample*> ClaudeMeta::Candidates(const agents::AgentSample& agent) {
  std::vector<const agents::ProcessSample*> roots, claudes;
  for (const agents::Role role : {agents::Role::kRoot, agents::Role::kDescendant}) {
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.role != role || process.state == 'Z') continue;
      if (role == agents::Role::kRoot) roots.push_back(&process);
      if (IsClaude(process)) claudes.push_back(&process);
    }
    if (!claudes.empty()) return claudes;
  }
  return roots;
}

absl::StatusOr<ClaudeMeta::Place> ClaudeMeta::PlaceOf(const agents::ProcessSample& process) {
  const absl::StatusOr<uid_t> uid = files_.Uid(process.key.pid);
  if (!uid.ok()) return uid.status();
  absl::StatusOr<std::string> cwd = files_.Cwd(process.key.pid);
  if (!cwd.ok()) return cwd.status();
  const auto ticks = static_cast<double>(std::max(sysconf(_SC_CLK_TCK), 1L));
  return Place{.uid = *uid,
               .cwd = *std::move(cwd),
               .start_seconds = boot_time_ + static_cast<double>(process.key.start_ticks) / ticks};
}

absl::StatusOr<AgentMeta> ClaudeMeta::Read(const agents::AgentSample& agent, const MetaOptions& options) {
  absl::Status first_error;
  std::vector<Place> places;
  std::set<std::pair<uid_t, std::string>> seen;  // wrappers share their child's place
  for (const agents::ProcessSample* process : Candidates(agent)) {
    absl::StatusOr<Place> place = PlaceOf(*process);
    if (!place.ok() && !absl::IsNotFound(place.status())) first_error.Update(place.status());
    if (place.ok() && seen.emplace(place->uid, place->cwd).second) places.push_back(*std::move(place));
  }
  if (places.empty())
    return first_error.ok() ? absl::NotFoundError("no transcript since the process started") : first_error;
  // One home, one thread that may hang, however many agents it has.
  const absl::StatusOr<ClaudeSession> session = base::BoundedReads::Shared().Read<ClaudeSession>(
      absl::StrCat("the transcripts of uid ", places.front().uid, " ", options.config_dir),
      [transcripts = transcripts_, places, config_dir = options.config_dir] {
        return transcripts->Read(places, config_dir);
      },
      base::kFilePatience);
  if (!session.ok())
    return absl::IsNotFound(session.status()) && !first_error.ok() ? first_error : session.status();
  return ToMeta(*session, options.context_window);
}

}  // namespace agent_exporter::sessions

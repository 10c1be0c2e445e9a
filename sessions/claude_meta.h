// Reads agent_meta of a Claude Code agent from the session transcript that its process writes. Needs no
// cooperation from the agent. Nothing tells which transcript belongs to a process, so we take the newest in
// the folder for the process' working directory, in its owner's home, if it was written since the process
// started.
//
// Never follows a link out of the home, and reads only files of the process' owner, because the exporter may
// have rights that the owner does not have.
//
// Thread safety: none; one thread uses it.

#ifndef AGENT_EXPORTER_SESSIONS_CLAUDE_META_H_
#define AGENT_EXPORTER_SESSIONS_CLAUDE_META_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "agents/rules.h"
#include "base/regular_file.h"
#include "kernel/process_files.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"
#include "sessions/agent_meta.h"
#include "sessions/claude_transcript.h"
#include "sessions/meta.h"

namespace agent_exporter::sessions {

// A user's home directory, or empty if there is no such user.
using HomeOf = std::function<std::optional<std::string>(uid_t)>;
std::optional<std::string> HomeFromUserDatabase(uid_t uid);

class ClaudeMeta {
 public:
  // `proc` must outlive this.
  explicit ClaudeMeta(const kernel::RootedReader& proc, HomeOf home_of = HomeFromUserDatabase);

  // True if a live root of the agent matches the built-in profile of Claude Code, whatever the agent's name
  // is.
  bool IsClaude(const agents::AgentSample& agent);

  // Reads the newest transcript of the agent's Claude Code processes, or of its roots if none is Claude Code.
  // context_pct is absent if the transcript counts more tokens than the window has. Errors: NotFound if there
  // is no transcript; otherwise as OpenRegularFile and VisitLinesFromEnd.
  absl::StatusOr<AgentMeta> Read(const agents::AgentSample& agent, const MetaOptions& options);

 private:
  struct Place;
  bool IsClaude(const agents::ProcessSample& process);
  std::vector<const agents::ProcessSample*> Candidates(const agents::AgentSample& agent);
  absl::StatusOr<Place> PlaceOf(const agents::ProcessSample& process);
  absl::StatusOr<base::Descriptor> OpenProjects(const Place& place, const std::string& config_dir);
  // Replaces *best with the newest transcript of `place` if that is newer.
  absl::Status FindNewest(const Place& place, const std::string& config_dir,
                          std::optional<base::OpenFile>* best);
  absl::StatusOr<ClaudeSession> ReadCached(const base::OpenFile& file);

  struct CachedSession {
    uint64_t size = 0;
    int64_t mtime_ns = 0;
    ClaudeSession session;
  };

  kernel::ProcessFiles files_;
  kernel::Unreadable unreadable_;
  HomeOf home_of_;
  agents::RuleSet profile_;
  double boot_time_;  // seconds since the epoch
  // Whether a process is Claude Code. The key includes comm, because an exec changes it.
  std::map<std::tuple<kernel::ProcessKey, std::string>, bool> known_;
  std::map<std::pair<dev_t, ino_t>, CachedSession> sessions_;  // valid until the file changes
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CLAUDE_META_H_

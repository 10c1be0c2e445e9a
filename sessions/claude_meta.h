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
#include <memory>
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
  // is no transcript; otherwise as BoundedReads, OpenRegularFile and VisitLinesFromEnd.
  absl::StatusOr<AgentMeta> Read(const agents::AgentSample& agent, const MetaOptions& options);

 private:
  struct Place;
  // Reads what lies in homes, which may be on a mount that does not answer. Shared with such a read.
  class Transcripts;
  bool IsClaude(const agents::ProcessSample& process);
  std::vector<const agents::ProcessSample*> Candidates(const agents::AgentSample& agent);
  absl::StatusOr<Place> PlaceOf(const agents::ProcessSample& process);
  kernel::ProcessFiles files_;
  kernel::Unreadable unreadable_;
  const std::shared_ptr<Transcripts> transcripts_;
  agents::RuleSet profile_;
  double boot_time_;                                                   // seconds since the epoch
  std::map<std::tuple<kernel::ProcessKey, std::string>, bool> known_;  // with comm: it changes with an exec
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CLAUDE_META_H_

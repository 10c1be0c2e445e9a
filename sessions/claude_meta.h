// agent_meta of a Claude Code agent, without its cooperation: from the session transcript that its process
// writes. Which one that is nobody says, so it is the newest in the folder of the process' working directory,
// below its owner's home, and only if it was written to since the process started.
//
// Nothing is followed out of the home, and only files of the process' owner are read: the exporter may be
// allowed more than that owner.
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

// A user's home directory; empty: no such user.
using HomeOf = std::function<std::optional<std::string>(uid_t)>;
std::optional<std::string> HomeFromUserDatabase(uid_t uid);

class ClaudeMeta {
 public:
  // `proc` must outlive this.
  explicit ClaudeMeta(const kernel::RootedReader& proc, HomeOf home_of = HomeFromUserDatabase);

  // Whether a live process of the agent is Claude Code by the built-in profile, whatever the agent is called.
  bool IsClaude(const agents::AgentSample& agent);

  // Of the agent's processes that are Claude Code; of its roots where none is. Several: the transcript
  // written last. context_pct is not told where the transcript counts more tokens than the window. NotFound:
  // no transcript; else as BoundedReads, OpenRegularFile and VisitLinesFromEnd.
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

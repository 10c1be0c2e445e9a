// Reads the sessions of Claude Code: its registry sessions/<pid>.json, the transcript that it names, those of
// the session's subagents, and what `agent_exporter statusline` wrote down.
//
// Versions without the registry: the newest transcript of the working directory, if no other session works
// there.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_CLAUDE_READER_H_
#define AGENT_EXPORTER_SESSIONS_CLAUDE_READER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sessions/claude_lines.h"
#include "sessions/line_follower.h"
#include "sessions/session_files.h"
#include "sessions/session_reader.h"
#include "sessions/token_tally.h"

namespace agent_exporter::sessions {

class ClaudeReader : public SessionReader {
 public:
  explicit ClaudeReader(const ReaderOptions& options);
  absl::StatusOr<SessionState> Read(const SessionProcess& process, uint64_t* bytes) override;

 private:
  // The registry's file.
  struct Registered {
    std::string session_id;
    std::string cwd;
    std::optional<std::string> name;
    std::optional<std::string> status;
    std::optional<double> updated;
  };
  struct Transcript {
    base::Descriptor folder;
    std::string session_id;
  };
  absl::StatusOr<Registered> ReadRegistry(const SessionProcess& process);
  absl::StatusOr<Transcript> FindTranscript(const SessionProcess& process, const Registered* registered);
  absl::StatusOr<Transcript> FindNewest(const SessionProcess& process);
  absl::Status Follow(const SessionProcess& process, const Transcript& transcript, uint64_t* bytes);
  void FollowSubagents(const SessionProcess& process, const Transcript& transcript, uint64_t* bytes);
  std::vector<base::Descriptor> ConfigFolders(const SessionProcess& process) const;

  const ReaderOptions options_;
  TokenTally tally_;
  ClaudeLines lines_;
  LineFollower follower_;
  std::map<std::string, LineFollower> subagents_;  // by file
  std::string session_id_;                         // of the transcript that is followed
  // The transcript is not where its folder should be, and was looked for everywhere.
  std::string sought_id_;
  std::string sought_folder_;
  int looks_until_seek_ = 0;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CLAUDE_READER_H_

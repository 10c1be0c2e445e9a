// Reads the sessions of Codex: the rollout files that its processes hold open, or else the newest one that
// was begun in its working directory since it started.
//
// One process may hold several: its own and those of subagents, whose tokens count with it. Newer versions
// write through a daemon that they start themselves; it is in the tree of the session that started it, and a
// session whose daemon is another's is found by its working directory, if no other session has that.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_CODEX_READER_H_
#define AGENT_EXPORTER_SESSIONS_CODEX_READER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sessions/codex_lines.h"
#include "sessions/line_follower.h"
#include "sessions/session_files.h"
#include "sessions/session_reader.h"

namespace agent_exporter::sessions {

class CodexReader : public SessionReader {
 public:
  explicit CodexReader(const ReaderOptions& options) : options_(options) {}
  absl::StatusOr<SessionState> Read(const SessionProcess& process, uint64_t* bytes) override;
  Held WantsHeld() override;

 private:
  struct Rollout {
    explicit Rollout(double count_from) : tally(count_from), lines(tally) {}
    CodexMeta meta;
    TokenTally tally;
    CodexLines lines;
    LineFollower follower;
  };
  // The rollouts that are held, as "YYYY/MM/DD/name".
  void TakeHeld(const SessionProcess& process);
  std::string FindByFolder(const SessionProcess& process, const base::Descriptor& sessions);
  absl::StatusOr<base::OpenFile> Open(const SessionProcess& process, const base::Descriptor& sessions,
                                      const std::string& path) const;
  // Null if it is no rollout.
  Rollout* Find(const SessionProcess& process, const base::Descriptor& sessions, const std::string& path);
  // The one of the session itself, or "".
  std::string Own(const SessionProcess& process, const base::Descriptor& sessions);

  const ReaderOptions options_;
  std::vector<std::string> held_;
  std::string by_folder_;
  int looks_until_ask_ = 0;
  bool asked_ = false;
  std::map<std::string, std::unique_ptr<Rollout>> rollouts_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_CODEX_READER_H_

// Reads the sessions of Gemini CLI and of Qwen Code.
//
// No process holds a recording open. The first line of Gemini's holds the sha256 of the project's folder,
// which is the working directory of the process; Qwen's lie in a folder that is named after it. Where several
// sessions have one folder, Gemini's is the one that was begun when the process started.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_GEMINI_READER_H_
#define AGENT_EXPORTER_SESSIONS_GEMINI_READER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sessions/gemini_lines.h"
#include "sessions/line_follower.h"
#include "sessions/session_files.h"
#include "sessions/session_reader.h"

namespace agent_exporter::sessions {

class GeminiReader : public SessionReader {
 public:
  enum class Kind { kGemini, kQwen };
  GeminiReader(Kind kind, const ReaderOptions& options)
      : kind_(kind), options_(options), tally_(options.count_from), lines_(tally_) {}
  absl::StatusOr<SessionState> Read(const SessionProcess& process, uint64_t* bytes) override;

 private:
  struct Recording {
    base::Descriptor folder;
    std::string name;
  };
  absl::StatusOr<base::Descriptor> OpenHome(const SessionProcess& process) const;
  std::vector<base::Descriptor> ChatFolders(const SessionProcess& process,
                                            const base::Descriptor& home) const;
  std::optional<Recording> FindRecording(const SessionProcess& process);
  bool IsOf(const SessionProcess& process, const base::OpenFile& file, const std::string& name);
  absl::Status Follow(const base::OpenFile& file, uint64_t* bytes);

  const Kind kind_;
  const ReaderOptions options_;
  TokenTally tally_;
  GeminiLines lines_;
  LineFollower follower_;
  std::string followed_;
  std::map<std::string, std::optional<GeminiMeta>> metas_;  // of recordings, by name
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_GEMINI_READER_H_

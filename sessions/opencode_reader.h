// Reads the sessions of OpenCode from its database, without changing it: sessions/database_snapshot.h.
//
// The session of a process is the newest one of its working directory that was used since the process
// started. All processes share the database, and nothing in it says which one works on a session; so where
// several have one working directory, none of them has figures. The tokens of subagents, which are sessions
// below it, count with the session.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_OPENCODE_READER_H_
#define AGENT_EXPORTER_SESSIONS_OPENCODE_READER_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/sqlite.h"
#include "sessions/opencode_messages.h"
#include "sessions/session_files.h"
#include "sessions/session_reader.h"
#include "sessions/token_tally.h"
#include "sessions/wal_index.h"

namespace agent_exporter::sessions {

class OpencodeReader : public SessionReader {
 public:
  explicit OpencodeReader(const ReaderOptions& options) : options_(options), tally_(options.count_from) {}
  absl::StatusOr<SessionState> Read(const SessionProcess& process, uint64_t* bytes) override;

 private:
  // A session, or one of its subagents.
  struct Conversation {
    explicit Conversation(TokenTally& tally) : messages(tally) {}
    OpencodeMessages messages;
    int64_t from = 0;    // read messages from this time on, in ms
    bool whole = false;  // all are read
  };
  struct Followed {
    explicit Followed(TokenTally& tally) : own(tally) {}
    std::string id;
    Conversation own;
    std::map<std::string, std::unique_ptr<Conversation>> subagents;
    uint64_t progress = 0;
  };
  // What a look read. It is taken only if the database was not written meanwhile.
  struct Batch {
    std::vector<std::pair<std::string, std::string>> messages;  // ids and data
    int64_t from = 0;
    bool whole = false;
  };
  struct Found {
    std::string id;
    Batch own;
    std::vector<std::pair<std::string, Batch>> subagents;  // with their ids
    std::vector<std::string> parts;                        // newest first
    uint64_t progress = 0;
  };
  // Sizes and times of the files: nothing was written while they stay the same.
  using Stamp = std::array<int64_t, 8>;

  // NotFound: no session of this process.
  absl::StatusOr<Found> Query(const SessionProcess& process, base::Database& database) const;
  static absl::StatusOr<Batch> ReadMessages(base::Database& database, const std::string& id, int64_t from,
                                            Found* found);
  absl::Status ReadSubagents(base::Database& database, Found* found) const;
  static absl::Status ReadParts(base::Database& database, Found* found);
  void Take(const Found& found);
  static void TakeBatch(const Batch& batch, Conversation* conversation);
  SessionState State();

  const ReaderOptions options_;
  WalIndex index_;
  std::optional<Stamp> stamp_;
  TokenTally tally_;  // of all sessions that this process ever had
  std::unique_ptr<Followed> followed_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_OPENCODE_READER_H_

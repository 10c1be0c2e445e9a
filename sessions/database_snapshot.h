// Reads a SQLite database that another program writes, and changes nothing of it: neither a file nor a lock.
//
// SQLite cannot do that by itself. To read a database with a write-ahead log it takes locks in the -shm file,
// which it creates where it is missing, and a reader's lock keeps the writer from starting its log anew; with
// immutable=1 it ignores the log, where the newest data is. So SQLite reads a virtual file here, whose pages
// come from the log where that has them and else from the database. If the writer moved pages from the log to
// the database in the meantime, what was read is worth nothing: Unchanged() says so.
//
// Thread safety: one thread at a time.
// Errors: as base/sqlite.h; FailedPrecondition for a database without a write-ahead log.

#ifndef AGENT_EXPORTER_SESSIONS_DATABASE_SNAPSHOT_H_
#define AGENT_EXPORTER_SESSIONS_DATABASE_SNAPSHOT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "base/regular_file.h"
#include "base/sqlite.h"
#include "sessions/wal_index.h"

struct sqlite3_vfs;

namespace agent_exporter::sessions {

class DatabaseSnapshot {
 public:
  // The files and the index outlive this. `wal` is null where there is no log. Queries fail with
  // DeadlineExceeded after `patience`, and once they have read `most_bytes`.
  static absl::StatusOr<std::unique_ptr<DatabaseSnapshot>> Open(const base::OpenFile& database,
                                                                const base::OpenFile* wal,
                                                                const WalIndex& index,
                                                                std::chrono::milliseconds patience,
                                                                uint64_t most_bytes);
  ~DatabaseSnapshot();
  DatabaseSnapshot(const DatabaseSnapshot&) = delete;
  DatabaseSnapshot& operator=(const DatabaseSnapshot&) = delete;

  base::Database& database() { return *opened_; }
  uint64_t bytes_read() const;
  // Whether all that was read is of one state of the database.
  bool Unchanged() const;

 private:
  struct Source;
  explicit DatabaseSnapshot(std::unique_ptr<Source> source);

  std::unique_ptr<Source> source_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::optional<base::Database> opened_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_DATABASE_SNAPSHOT_H_

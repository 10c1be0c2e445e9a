// SQLite's C API, thinly: what closes itself, and error codes as absl::Status.
//
// Errors: a busy or locked file is Unavailable; a full disk ResourceExhausted; a damaged file or no database
// DataLoss; a file that may not be opened or written FailedPrecondition; an interrupted query
// DeadlineExceeded; all else Internal. The message is SQLite's.
//
// Thread safety: a Database and its statements belong to one thread at a time. The file may be shared by any
// number of them, in one process or in many.

#ifndef AGENT_EXPORTER_LEDGER_SQLITE_H_
#define AGENT_EXPORTER_LEDGER_SQLITE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace agent_exporter::ledger {

class Statement;

class Database {
 public:
  enum class Mode { kReadOnly, kReadWrite, kCreate };

  static absl::StatusOr<Database> Open(const std::string& path, Mode mode);

  // How long a call waits for another connection's lock.
  void SetBusyTimeout(std::chrono::milliseconds timeout);
  // Ends every query that is still running then with DeadlineExceeded.
  void SetDeadline(std::chrono::steady_clock::time_point deadline);

  // Runs statements that give no rows, parted by semicolons.
  absl::Status Run(const char* sql);
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  // The first column of the only row; empty when there is none.
  absl::StatusOr<std::optional<int64_t>> Number(std::string_view sql);
  // Rows that the last statement inserted, changed or removed.
  int64_t changes() const;
  // Whether the file has left the path it was opened by.
  bool Moved() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  friend class Statement;
  absl::Status Error(int code) const;

  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<std::chrono::steady_clock::time_point> deadline_;  // at an address that does not move
};

// A prepared statement. Parameters are numbered from 1, columns from 0, as in SQLite.
class Statement {
 public:
  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, std::string_view value);  // copied
  Statement& Bind(int parameter, std::optional<int64_t> value);

  // Moves to the next row; false after the last. An error ends the statement as well.
  absl::StatusOr<bool> Step();
  // Runs to the end, whatever rows come, and makes the statement ready for the next use.
  absl::Status Run();
  // Ready for the next use; bindings stay.
  void Reset();

  int64_t Integer(int column) const;
  std::optional<int64_t> OptionalInteger(int column) const;
  std::optional<double> OptionalReal(int column) const;
  std::string Text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : handle_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// A write transaction: begun by Begin, undone by the destructor unless committed.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  absl::Status Commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_SQLITE_H_

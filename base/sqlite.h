// A thin wrapper of SQLite's C API: handles that close themselves, and errors as absl::Status.
//
// Errors: Unavailable for a busy or locked file; ResourceExhausted for a full disk; DataLoss for a damaged
// file or a file that is not a database; FailedPrecondition for a file that cannot be opened or written;
// DeadlineExceeded for an interrupted query; Internal for everything else. The message is SQLite's.
//
// Thread safety: one thread at a time may use a Database and its statements. Any number of Databases, in any
// number of processes, may share the file.

#ifndef AGENT_EXPORTER_BASE_SQLITE_H_
#define AGENT_EXPORTER_BASE_SQLITE_H_

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

namespace agent_exporter::base {

class Statement;

class Database {
 public:
  enum class Mode { kReadOnly, kReadWrite, kCreate };

  // `vfs`: the name of another virtual file system than SQLite's usual one; it outlives the Database.
  static absl::StatusOr<Database> Open(const std::string& path, Mode mode, const std::string& vfs = "");

  // How long a call waits for another connection's lock.
  void SetBusyTimeout(std::chrono::milliseconds timeout);
  // Queries that run past the deadline fail with DeadlineExceeded.
  void SetDeadline(std::chrono::steady_clock::time_point deadline);

  // For files that others wrote: what their schema calls cannot do harm, and values are limited in size.
  // Temporary data stays in memory.
  void DistrustContent();

  // Runs statements, separated by semicolons, and ignores their rows.
  absl::Status Run(const char* sql);
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  // The first column of the first row; empty if there is no row.
  absl::StatusOr<std::optional<int64_t>> Number(std::string_view sql);
  // How many rows the last statement inserted, changed or deleted.
  int64_t changes() const;
  // Whether the file was renamed or removed after it was opened.
  bool Moved() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  friend class Statement;
  absl::Status Error(int code) const;

  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<std::chrono::steady_clock::time_point> deadline_;  // SQLite keeps its address
};

// A prepared statement. Parameters are numbered from 1, columns from 0, as in SQLite.
class Statement {
 public:
  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, std::string_view value);  // copied
  Statement& Bind(int parameter, std::optional<int64_t> value);

  // Moves to the next row; false after the last. An error resets the statement.
  absl::StatusOr<bool> Step();
  // Runs to the end, ignores all rows, and resets the statement.
  absl::Status Run();
  // Makes the statement ready for the next use; bindings stay.
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

// A write transaction. The destructor rolls it back unless it was committed.
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

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_SQLITE_H_

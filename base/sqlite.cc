#include "base/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::base {
namespace {

// Virtual machine steps between two deadline checks: about 0.1 ms.
constexpr int kStepsPerDeadlineCheck = 10000;

constexpr int kLongestValue = 16 << 20;

int IsLate(void* deadline) {
  return std::chrono::steady_clock::now() >= *static_cast<std::chrono::steady_clock::time_point*>(deadline);
}

absl::StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_INTERRUPT:
      return absl::StatusCode::kDeadlineExceeded;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* db, int code) {
  // The connection's message has details, but may belong to another call. Use it only if the code matches.
  const bool same = db != nullptr && sqlite3_extended_errcode(db) == code;
  return absl::Status(CodeOf(code), same ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

absl::StatusOr<Database> Database::Open(const std::string& path, Mode mode, const std::string& vfs) {
  const int flags = mode == Mode::kReadOnly    ? SQLITE_OPEN_READONLY
                    : mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  // No mutex: only one thread at a time uses the connection.
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX,
                                   vfs.empty() ? nullptr : vfs.c_str());
  Database db;
  db.db_.reset(handle);  // set even if opening failed
  if (code != SQLITE_OK) return ErrorOf(handle, code);
  sqlite3_extended_result_codes(handle, 1);
  return db;
}

void Database::SetBusyTimeout(std::chrono::milliseconds timeout) {
  sqlite3_busy_timeout(db_.get(), static_cast<int>(timeout.count()));
}

void Database::SetDeadline(std::chrono::steady_clock::time_point deadline) {
  deadline_ = std::make_unique<std::chrono::steady_clock::time_point>(deadline);
  sqlite3_progress_handler(db_.get(), kStepsPerDeadlineCheck, &IsLate, deadline_.get());
}

void Database::DistrustContent() {
  // https://sqlite.org/security.html
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(db_.get(), SQLITE_LIMIT_LENGTH, kLongestValue);
  sqlite3_limit(db_.get(), SQLITE_LIMIT_VDBE_OP, 25000);
  static_cast<void>(Run("PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2000"));
}

absl::Status Database::Error(int code) const { return ErrorOf(db_.get(), code); }

absl::Status Database::Run(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &handle, nullptr);
  if (code != SQLITE_OK) return Error(code);
  return Statement(handle);
}

absl::StatusOr<std::optional<int64_t>> Database::Number(std::string_view sql) {
  auto statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const auto row = statement->Step();
  if (!row.ok()) return row.status();
  return *row ? statement->OptionalInteger(0) : std::nullopt;
}

int64_t Database::changes() const { return sqlite3_changes(db_.get()); }

bool Database::Moved() const {
  int moved = 0;
  return sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(handle_.get(), parameter, value);
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view value) {
  sqlite3_bind_text(handle_.get(), parameter, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::Bind(int parameter, std::optional<int64_t> value) {
  if (value) return Bind(parameter, *value);
  sqlite3_bind_null(handle_.get(), parameter);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  absl::Status status = ErrorOf(sqlite3_db_handle(handle_.get()), code);
  sqlite3_reset(handle_.get());
  return status;
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = true;
  while (row.ok() && *row) row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() { sqlite3_reset(handle_.get()); }

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }

std::optional<int64_t> Statement::OptionalInteger(int column) const {
  if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_int64(handle_.get(), column);
}

std::optional<double> Statement::OptionalReal(int column) const {
  if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_double(handle_.get(), column);
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return text == nullptr
             ? ""
             : std::string(text, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

absl::StatusOr<Transaction> Transaction::Begin(Database& db) {
  // IMMEDIATE: take the write lock here, where SQLite can wait for it. In the middle it could not.
  if (absl::Status status = db.Run("BEGIN IMMEDIATE"); !status.ok()) return status;
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) static_cast<void>(db_->Run("ROLLBACK"));  // fails if SQLite has rolled back already
}

absl::Status Transaction::Commit() {
  absl::Status status = db_->Run("COMMIT");
  if (status.ok()) db_ = nullptr;
  return status;
}

}  // namespace agent_exporter::base

#include "ledger/schema.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace agent_exporter::ledger {
namespace {

// kMigrations[n] upgrades version n to n + 1. Users have files of old versions, so never change a step; add
// one.
constexpr std::array<const char*, 2> kMigrations = {
    R"sql(
CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  source TEXT NOT NULL,
  UNIQUE (agent, source)
);
-- Time first: a tick writes to one place, a window is one range.
CREATE TABLE samples (
  ts INTEGER NOT NULL,         -- ms since the epoch
  source_id INTEGER NOT NULL,
  pid INTEGER,
  cpu_centi INTEGER NOT NULL,  -- hundredths of a percent of one core
  rss_kib INTEGER,
  heap_kib INTEGER,
  PRIMARY KEY (ts, source_id)
) WITHOUT ROWID;
CREATE INDEX samples_by_source ON samples (source_id, ts);
CREATE TABLE hourly (
  hour INTEGER NOT NULL,       -- ts / 3600000
  source_id INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  cpu_sum INTEGER NOT NULL,
  cpu_peak INTEGER NOT NULL,
  rss_samples INTEGER NOT NULL,
  rss_sum INTEGER NOT NULL,
  rss_peak INTEGER,
  newest_ts INTEGER NOT NULL,
  PRIMARY KEY (hour, source_id)
) WITHOUT ROWID;
CREATE TABLE ticks (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  ts INTEGER NOT NULL,
  fresh_until INTEGER NOT NULL
);
CREATE TABLE rate_limit_events (
  ts INTEGER NOT NULL,         -- ms since the epoch
  agent TEXT NOT NULL,
  id TEXT NOT NULL,            -- source:ts:seq
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (agent, id)
) WITHOUT ROWID;
CREATE INDEX rate_limit_events_by_time ON rate_limit_events (ts);
CREATE TABLE rate_limit_totals (
  agent TEXT NOT NULL,
  kind TEXT NOT NULL,
  total INTEGER NOT NULL,
  PRIMARY KEY (agent, kind)
) WITHOUT ROWID;
CREATE VIEW resource_samples AS
  SELECT ts, agent, source, pid, cpu_centi / 100.0 AS cpu_percent, rss_kib * 1024 AS rss_bytes,
         heap_kib * 1024 AS heap_used_bytes
  FROM samples JOIN sources ON sources.id = source_id;
)sql",
    // Bytes instead of KiB.
    R"sql(
DROP VIEW resource_samples;
ALTER TABLE samples RENAME COLUMN rss_kib TO rss_bytes;
ALTER TABLE samples RENAME COLUMN heap_kib TO heap_used_bytes;
UPDATE samples SET rss_bytes = rss_bytes * 1024, heap_used_bytes = heap_used_bytes * 1024;
UPDATE hourly SET rss_sum = rss_sum * 1024, rss_peak = rss_peak * 1024;
CREATE VIEW resource_samples AS
  SELECT ts, agent, source, pid, cpu_centi / 100.0 AS cpu_percent, rss_bytes, heap_used_bytes
  FROM samples JOIN sources ON sources.id = source_id;
)sql",
};

absl::Status Migrate(base::Database& db) {
  constexpr auto kOurs = static_cast<int64_t>(kMigrations.size());
  auto version = db.Number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == kOurs) return absl::OkStatus();
  auto transaction = base::Transaction::Begin(db);
  if (!transaction.ok()) return transaction.status();
  version = db.Number("PRAGMA user_version");  // another process may have migrated it meanwhile
  if (!version.ok()) return version.status();
  const int64_t have = version->value_or(0);
  if (have > kOurs || have < 0) {
    return absl::FailedPreconditionError(absl::StrCat("was written by a newer version (schema ", have,
                                                      ", this program supports ", kOurs,
                                                      "); use that version or another file"));
  }
  for (int64_t step = have; step < kOurs; ++step) {
    if (absl::Status status = db.Run(kMigrations[static_cast<size_t>(step)]); !status.ok()) return status;
  }
  if (absl::Status status = db.Run(absl::StrCat("PRAGMA user_version = ", kOurs).c_str()); !status.ok()) {
    return status;
  }
  return transaction->Commit();
}

absl::Status Prepare(base::Database& db, std::chrono::milliseconds busy_timeout, bool check) {
  db.SetBusyTimeout(busy_timeout);
  // NORMAL with WAL: a killed process loses nothing, a power cut may lose the last seconds. A tick inserts
  // and prunes only a few rows, so 256 KiB of cache are enough. By default SQLite would keep 2 MB of the
  // pages that the check below reads.
  for (const char* pragma :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA journal_size_limit = 8388608",
        "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -256"}) {
    if (absl::Status status = db.Run(pragma); !status.ok()) return status;
  }
  if (check) {
    auto statement = db.Prepare("PRAGMA quick_check(1)");
    if (!statement.ok()) return statement.status();
    const auto row = statement->Step();
    if (!row.ok()) return row.status();
    if (const std::string verdict = statement->Text(0); verdict != "ok") return absl::DataLossError(verdict);
  }
  return Migrate(db);
}

}  // namespace

absl::StatusOr<base::Database> OpenLedger(const std::string& path, std::chrono::milliseconds busy_timeout,
                                          bool check) {
  // Create the file ourselves: SQLite would use the umask, but only the owner may read this data. Do not open
  // an existing file: closing it would release the locks of this process' other connections (fcntl(2)).
  if (!base::Descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)).ok() &&
      errno != EEXIST) {
    return absl::FailedPreconditionError(std::strerror(errno));
  }
  auto db = base::Database::Open(path, base::Database::Mode::kReadWrite);
  if (!db.ok()) return db.status();
  if (absl::Status status = Prepare(*db, busy_timeout, check); !status.ok()) return status;
  return db;
}

absl::StatusOr<base::Database> OpenLedgerReadOnly(const std::string& path) {
  auto db = base::Database::Open(path, base::Database::Mode::kReadOnly);
  if (!db.ok()) return db.status();
  db->SetBusyTimeout(std::chrono::seconds(1));
  const auto version = db->Number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version != static_cast<int64_t>(kMigrations.size())) {
    return absl::FailedPreconditionError("the file has another schema");
  }
  return db;
}

absl::StatusOr<std::string> SetAside(const std::string& path, double wall_seconds) {
  const auto now = static_cast<std::time_t>(wall_seconds);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
  std::string aside = absl::StrCat(path, ".damaged-", stamp);
  for (int i = 2; access(aside.c_str(), F_OK) == 0; ++i) {
    aside = absl::StrCat(path, ".damaged-", stamp, "-", i);
  }
  if (std::rename(path.c_str(), aside.c_str()) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot rename ", path, " to ", aside, ": ", std::strerror(errno)));
  }
  for (const char* suffix : {"-wal", "-shm"}) {
    std::rename((path + suffix).c_str(), (aside + suffix).c_str());  // may be missing
  }
  return aside;
}

}  // namespace agent_exporter::ledger

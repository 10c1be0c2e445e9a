// The ledger's file: its tables, and how to create, migrate and check it.
//
//   sources           agent and source names, once each
//   samples           one row per source and tick, packed: hundredths of a percent, KiB
//   hourly            sums and peaks of `samples` by hour, updated in the same transaction: a week's summary
//                     reads 17,000 of these rows instead of a million samples
//   ticks             one row: the last tick and how long its values count as current
//   rate_limit_events one row per event; rate_limit_totals counts them and is never pruned
//   resource_samples  a view with plain names and units, for people who use sqlite3
//
// PRAGMA user_version is the schema's version. Opening a file runs all migrations in one transaction.
//
// Thread safety: free functions.

#ifndef AGENT_EXPORTER_LEDGER_SCHEMA_H_
#define AGENT_EXPORTER_LEDGER_SCHEMA_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "base/sqlite.h"

namespace agent_exporter::ledger {

constexpr int64_t kMillisPerHour = 3600 * 1000;

// Opens the file for writing, creates it (mode 0600) if it is missing, and migrates its schema.
// FailedPrecondition for a newer schema; the file does not change then. `check` checks the whole file for
// damage (DataLoss), which takes a second for 100 MB.
absl::StatusOr<base::Database> OpenLedger(const std::string& path, std::chrono::milliseconds busy_timeout,
                                          bool check);

// Opens the file for reading. FailedPrecondition if it is missing or has another schema version.
absl::StatusOr<base::Database> OpenLedgerReadOnly(const std::string& path);

// Renames a damaged file and its -wal and -shm files to <path>.damaged-<UTC time>, and returns the new name.
// sqlite3's .recover may still save its data.
absl::StatusOr<std::string> SetAside(const std::string& path, double wall_seconds);

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_SCHEMA_H_

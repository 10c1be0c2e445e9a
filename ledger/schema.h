// The ledger's file: its tables, and how a file of any age or state becomes one that can be used.
//
//   sources           agent and source names, once each
//   samples           one row a source and tick, packed: hundredths of a percent, KiB
//   hourly            sums and peaks of `samples` by hour, kept by the same transaction: a week's summary
//                     reads 17,000 rows of it instead of a million
//   ticks             one row: the last tick and until when its figures count as current
//   rate_limit_events one row an event; rate_limit_totals counts them and is never pruned
//   resource_samples  a view with plain names and units, for people with sqlite3 at hand
//
// PRAGMA user_version is the schema's version; migrations run in one transaction at opening.
//
// Thread safety: free functions.

#ifndef AGENT_EXPORTER_LEDGER_SCHEMA_H_
#define AGENT_EXPORTER_LEDGER_SCHEMA_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "ledger/sqlite.h"

namespace agent_exporter::ledger {

constexpr int64_t kMillisPerHour = 3600 * 1000;

// Opens the file for writing; makes it (mode 0600) where there is none, and brings its schema up to date.
// FailedPrecondition for a file of a newer version, which is left alone. `check` looks through the whole file
// for damage (DataLoss): a second for 100 MB.
absl::StatusOr<Database> OpenLedger(const std::string& path, std::chrono::milliseconds busy_timeout,
                                    bool check);

// Opens it for reading. FailedPrecondition when there is none or its schema is not ours.
absl::StatusOr<Database> OpenLedgerReadOnly(const std::string& path);

// Renames a damaged file to <path>.damaged-<UTC time>, with what belongs to it (-wal, -shm), and returns the
// new name. Data in it may still be saved with sqlite3's .recover.
absl::StatusOr<std::string> SetAside(const std::string& path, double wall_seconds);

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_SCHEMA_H_

// Queries on the ledger. A query never waits for the writer (WAL) and is cancelled if it takes too long.
//
// Ownership: opens connections as needed and keeps up to four.
// Thread safety: any number of threads; at most four queries run at once, further ones wait.
// Errors: see base/sqlite.h. Any error means that the ledger cannot be read now.

#ifndef AGENT_EXPORTER_LEDGER_READER_H_
#define AGENT_EXPORTER_LEDGER_READER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/sqlite.h"
#include "ledger/records.h"

namespace agent_exporter::ledger {

// From `since` to `now`, inclusive. An empty agent or source means all.
struct LedgerWindow {
  std::string agent;
  std::string source;
  int64_t since = 0;
  int64_t now = 0;
};

class LedgerReader {
 public:
  explicit LedgerReader(std::string path) : path_(std::move(path)) {}
  LedgerReader(const LedgerReader&) = delete;
  LedgerReader& operator=(const LedgerReader&) = delete;

  absl::StatusOr<Summary> Summarize(const LedgerWindow& window);
  // Newest first, from `after` on.
  absl::StatusOr<SamplePage> Samples(const LedgerWindow& window, std::optional<SampleCursor> after,
                                     int limit);
  absl::StatusOr<RateLimits> Events(const LedgerWindow& window);
  // All agents that still have samples, sorted.
  absl::StatusOr<std::vector<std::string>> Agents();

 private:
  absl::Status WithDatabase(const std::function<absl::Status(base::Database&)>& query);

  const std::string path_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<base::Database> idle_;
  int in_use_ = 0;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_READER_H_

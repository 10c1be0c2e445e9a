// Everything that is written into the ledger, each call one transaction.
//
// Errors: as ledger/sqlite.h; what a failed call was about is not in the file, all before it is.
// Thread safety: none; any number of writers, in any number of processes, may have the same file open.

#ifndef AGENT_EXPORTER_LEDGER_WRITER_H_
#define AGENT_EXPORTER_LEDGER_WRITER_H_

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "ledger/records.h"
#include "ledger/sqlite.h"

namespace agent_exporter::ledger {

class LedgerWriter {
 public:
  // As OpenLedger.
  static absl::StatusOr<std::unique_ptr<LedgerWriter>> Open(const std::string& path,
                                                            std::chrono::milliseconds busy_timeout,
                                                            bool check);

  // One row a source. Its figures count as current until `fresh_until`. A source that has a row of that very
  // millisecond (the clock was set back) keeps it.
  absl::Status WriteTick(int64_t ts, int64_t fresh_until, absl::Span<const SourceSample> samples);

  // How many of them were new: an id that is there is left alone.
  absl::StatusOr<int> AddEvents(absl::Span<const RateLimitEvent> events);

  struct Cutoffs {
    int64_t samples = 0;  // older ones go, one of that very millisecond stays
    int64_t events = 0;
    int64_t future = 0;  // newer ones were stored under a wrong clock
  };
  // Removes what is past its time, at most some 2,000 samples; true when there is more to do.
  absl::StatusOr<bool> Prune(const Cutoffs& cutoffs);

  absl::StatusOr<RateLimitTotals> Totals();
  absl::StatusOr<std::optional<int64_t>> NewestSample() { return db_.Number("SELECT max(ts) FROM samples"); }
  // Changes whenever another connection has written.
  absl::StatusOr<int64_t> DataVersion();
  bool Moved() const { return db_.Moved(); }

 private:
  explicit LedgerWriter(Database db) : db_(std::move(db)) {}
  absl::Status PrepareAll();
  absl::StatusOr<int64_t> SourceId(const SourceKey& name);
  absl::Status Insert(int64_t ts, const SourceSample& sample);
  absl::StatusOr<bool> AddEvent(const RateLimitEvent& event);
  absl::StatusOr<bool> PruneSamples(std::string_view find_last, const char* remove, int64_t limit);

  Database db_;
  std::unique_ptr<Statement> insert_sample_, add_to_hour_, find_source_, insert_source_;
  absl::flat_hash_map<SourceKey, int64_t> source_ids_;  // only of committed rows
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_WRITER_H_

// Writes to the ledger. Each call is one transaction.
//
// Errors: see base/sqlite.h. A failed call writes nothing; earlier calls stay written.
// Thread safety: none. Any number of writers, in any number of processes, may share a file.

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
#include "base/sqlite.h"
#include "ledger/records.h"

namespace agent_exporter::ledger {

class LedgerWriter {
 public:
  // The same errors as OpenLedger.
  static absl::StatusOr<std::unique_ptr<LedgerWriter>> Open(const std::string& path,
                                                            std::chrono::milliseconds busy_timeout,
                                                            bool check);

  // Writes one row per source. Its values count as current until `fresh_until`. If a source already has a row
  // for this millisecond (the clock was set back), that row stays.
  absl::Status WriteTick(int64_t ts, int64_t fresh_until, absl::Span<const SourceSample> samples);

  // Returns how many events were new. Events with a known id are ignored.
  absl::StatusOr<int> AddEvents(absl::Span<const RateLimitEvent> events);

  struct Cutoffs {
    int64_t samples = 0;  // delete samples before this time
    int64_t events = 0;   // delete events before this time
    int64_t future = 0;   // delete samples after this time: the clock was wrong
  };
  // Deletes old rows, about 2,000 samples at most; true if there is more to delete.
  absl::StatusOr<bool> Prune(const Cutoffs& cutoffs);

  absl::StatusOr<RateLimitTotals> Totals();
  absl::StatusOr<std::optional<int64_t>> NewestSample() { return db_.Number("SELECT max(ts) FROM samples"); }
  // Changes whenever another connection writes.
  absl::StatusOr<int64_t> DataVersion();
  bool Moved() const { return db_.Moved(); }

 private:
  explicit LedgerWriter(base::Database db) : db_(std::move(db)) {}
  absl::Status PrepareAll();
  absl::StatusOr<int64_t> SourceId(const SourceKey& name);
  absl::Status Insert(int64_t ts, const SourceSample& sample);
  absl::StatusOr<bool> AddEvent(const RateLimitEvent& event);
  absl::StatusOr<bool> PruneSamples(std::string_view find_last, const char* remove, int64_t limit);

  base::Database db_;
  std::unique_ptr<base::Statement> insert_sample_, add_to_hour_, find_source_, insert_source_;
  absl::flat_hash_map<SourceKey, int64_t> source_ids_;  // only ids of committed rows
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_WRITER_H_

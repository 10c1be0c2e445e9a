#include "ledger/writer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "ledger/schema.h"

namespace agent_exporter::ledger {
namespace {

constexpr int64_t kPruneBatch = 2000;

// Hundredths of a percent. Negative and NaN become 0, and the maximum is a million cores.
int64_t Centi(double percent) {
  if (!(percent > 0)) return 0;
  return std::llround(std::min(percent, 1e8) * 100);
}

std::optional<int64_t> NotNegative(const std::optional<int64_t>& bytes) {
  return bytes ? std::optional(std::max<int64_t>(*bytes, 0)) : std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerWriter>> LedgerWriter::Open(const std::string& path,
                                                                 std::chrono::milliseconds busy_timeout,
                                                                 bool check) {
  auto db = OpenLedger(path, busy_timeout, check);
  if (!db.ok()) return db.status();
  auto writer = std::unique_ptr<LedgerWriter>(new LedgerWriter(*std::move(db)));
  if (absl::Status status = writer->PrepareAll(); !status.ok()) return status;
  return writer;
}

absl::Status LedgerWriter::PrepareAll() {
  const std::pair<std::unique_ptr<base::Statement>*, const char*> statements[] = {
      {&insert_sample_,
       "INSERT INTO samples (ts, source_id, pid, cpu_centi, rss_bytes, heap_used_bytes) "
       "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
       "ON CONFLICT DO NOTHING"},
      {&add_to_hour_,
       "INSERT INTO hourly (hour, source_id, samples, cpu_sum, cpu_peak, rss_samples, rss_sum, rss_peak, "
       "newest_ts) VALUES (?1, ?2, 1, ?3, ?3, ?4 IS NOT NULL, ifnull(?4, 0), ?4, ?5) "
       "ON CONFLICT (hour, source_id) DO UPDATE SET samples = samples + 1, cpu_sum = cpu_sum + ?3, "
       "cpu_peak = max(cpu_peak, ?3), rss_samples = rss_samples + (?4 IS NOT NULL), "
       "rss_sum = rss_sum + ifnull(?4, 0), rss_peak = max(ifnull(rss_peak, ?4), ifnull(?4, rss_peak)), "
       "newest_ts = max(newest_ts, ?5)"},
      {&find_source_, "SELECT id FROM sources WHERE agent = ?1 AND source = ?2"},
      {&insert_source_, "INSERT INTO sources (agent, source) VALUES (?1, ?2) RETURNING id"},
  };
  for (const auto& [target, sql] : statements) {
    auto statement = db_.Prepare(sql);
    if (!statement.ok()) return statement.status();
    *target = std::make_unique<base::Statement>(*std::move(statement));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> LedgerWriter::SourceId(const SourceKey& name) {
  if (const auto found = source_ids_.find(name); found != source_ids_.end()) return found->second;
  int64_t id = 0;
  for (base::Statement* statement : {find_source_.get(), insert_source_.get()}) {
    statement->Bind(1, std::string_view(name.first)).Bind(2, std::string_view(name.second));
    const auto row = statement->Step();
    if (!row.ok()) return row.status();
    if (*row) id = statement->Integer(0);
    if (absl::Status status = statement->Run(); !status.ok()) return status;
    if (id != 0) break;
  }
  source_ids_[name] = id;
  return id;
}

absl::Status LedgerWriter::Insert(int64_t ts, const SourceSample& sample) {
  const auto id = SourceId({sample.agent, sample.source});
  if (!id.ok()) return id.status();
  const int64_t cpu = Centi(sample.cpu_percent);
  const std::optional<int64_t> rss = NotNegative(sample.rss_bytes);
  insert_sample_->Bind(1, ts).Bind(2, *id).Bind(
      3, sample.pid ? std::optional<int64_t>(*sample.pid) : std::nullopt);
  insert_sample_->Bind(4, cpu).Bind(5, rss).Bind(6, NotNegative(sample.heap_used_bytes));
  if (absl::Status status = insert_sample_->Run(); !status.ok()) return status;
  if (db_.changes() == 0) return absl::OkStatus();
  add_to_hour_->Bind(1, ts / kMillisPerHour).Bind(2, *id).Bind(3, cpu).Bind(4, rss).Bind(5, ts);
  return add_to_hour_->Run();
}

absl::Status LedgerWriter::WriteTick(int64_t ts, int64_t fresh_until,
                                     absl::Span<const SourceSample> samples) {
  auto transaction = base::Transaction::Begin(db_);
  if (!transaction.ok()) return transaction.status();
  absl::Status status;
  for (const SourceSample& sample : samples) {
    if (status.ok()) status = Insert(ts, sample);
  }
  if (status.ok()) {
    status = db_.Run(
        absl::StrCat("REPLACE INTO ticks (id, ts, fresh_until) VALUES (0, ", ts, ", ", fresh_until, ")")
            .c_str());
  }
  if (status.ok()) status = transaction->Commit();
  if (!status.ok()) source_ids_.clear();  // new ids were rolled back
  return status;
}

absl::StatusOr<bool> LedgerWriter::AddEvent(const RateLimitEvent& event) {
  int64_t seq = event.seq.value_or(0);
  if (!event.seq) {
    // All ids of one source and millisecond are in the range from "source:ts:" to "source:ts;".
    auto next = db_.Prepare(
        "SELECT max(CAST(substr(id, length(?2) + 1) AS INTEGER)) + 1 FROM rate_limit_events "
        "WHERE agent = ?1 AND id >= ?2 AND id < ?3");
    if (!next.ok()) return next.status();
    const std::string prefix = absl::StrCat(event.source, ":", event.ts);
    next->Bind(1, std::string_view(event.agent)).Bind(2, std::string_view(prefix + ":"));
    next->Bind(3, std::string_view(prefix + ";"));
    const auto row = next->Step();
    if (!row.ok()) return row.status();
    seq = next->OptionalInteger(0).value_or(0);
  }
  auto insert = db_.Prepare(
      "INSERT INTO rate_limit_events (ts, agent, id, source, kind) VALUES (?1, ?2, ?3, ?4, ?5) "
      "ON CONFLICT DO NOTHING");
  if (!insert.ok()) return insert.status();
  const std::string id = absl::StrCat(event.source, ":", event.ts, ":", seq);
  insert->Bind(1, event.ts).Bind(2, std::string_view(event.agent)).Bind(3, std::string_view(id));
  insert->Bind(4, std::string_view(event.source)).Bind(5, std::string_view(event.kind));
  if (absl::Status status = insert->Run(); !status.ok()) return status;
  if (db_.changes() == 0) return false;
  auto count = db_.Prepare(
      "INSERT INTO rate_limit_totals (agent, kind, total) VALUES (?1, ?2, 1) "
      "ON CONFLICT (agent, kind) DO UPDATE SET total = total + 1");
  if (!count.ok()) return count.status();
  count->Bind(1, std::string_view(event.agent)).Bind(2, std::string_view(event.kind));
  if (absl::Status status = count->Run(); !status.ok()) return status;
  return true;
}

absl::StatusOr<int> LedgerWriter::AddEvents(absl::Span<const RateLimitEvent> events) {
  auto transaction = base::Transaction::Begin(db_);
  if (!transaction.ok()) return transaction.status();
  int added = 0;
  for (const RateLimitEvent& event : events) {
    const auto is_new = AddEvent(event);
    if (!is_new.ok()) return is_new.status();
    added += *is_new ? 1 : 0;
  }
  if (absl::Status status = transaction->Commit(); !status.ok()) return status;
  return added;
}

// Deletes at most one batch; true if there is more to delete.
absl::StatusOr<bool> LedgerWriter::PruneSamples(std::string_view find_last, const char* remove,
                                                int64_t limit) {
  auto find = db_.Prepare(find_last);
  if (!find.ok()) return find.status();
  find->Bind(1, limit).Bind(2, kPruneBatch - 1);
  const auto more = find->Step();
  if (!more.ok()) return more.status();
  const int64_t last = *more ? find->Integer(0) : limit;
  find->Reset();
  auto removal = db_.Prepare(remove);
  if (!removal.ok()) return removal.status();
  if (absl::Status status = removal->Bind(1, limit).Bind(2, last).Run(); !status.ok()) return status;
  return *more;
}

absl::StatusOr<bool> LedgerWriter::Prune(const Cutoffs& cutoffs) {
  auto transaction = base::Transaction::Begin(db_);
  if (!transaction.ok()) return transaction.status();
  const auto old = PruneSamples("SELECT ts FROM samples WHERE ts < ?1 ORDER BY ts LIMIT 1 OFFSET ?2",
                                "DELETE FROM samples WHERE ts < ?1 AND ts <= ?2", cutoffs.samples);
  if (!old.ok()) return old.status();
  const auto future = PruneSamples("SELECT ts FROM samples WHERE ts > ?1 ORDER BY ts DESC LIMIT 1 OFFSET ?2",
                                   "DELETE FROM samples WHERE ts > ?1 AND ts >= ?2", cutoffs.future);
  if (!future.ok()) return future.status();
  const bool more = *old || *future;
  if (!more) {  // delete the sums only after their samples
    bool forget_sources = false;
    for (const std::string& sql :
         {absl::StrCat("DELETE FROM hourly WHERE hour < ", cutoffs.samples / kMillisPerHour, " OR hour > ",
                       cutoffs.future / kMillisPerHour),
          absl::StrCat("DELETE FROM rate_limit_events WHERE ts < ", cutoffs.events)}) {
      if (absl::Status status = db_.Run(sql.c_str()); !status.ok()) return status;
      if (sql.find("hourly") != std::string::npos) forget_sources = db_.changes() > 0;
    }
    if (forget_sources) {
      source_ids_.clear();
      absl::Status status = db_.Run("DELETE FROM sources WHERE id NOT IN (SELECT source_id FROM hourly)");
      if (!status.ok()) return status;
    }
  }
  if (absl::Status status = transaction->Commit(); !status.ok()) return status;
  return more;
}

absl::StatusOr<RateLimitTotals> LedgerWriter::Totals() {
  auto statement = db_.Prepare("SELECT agent, kind, total FROM rate_limit_totals");
  if (!statement.ok()) return statement.status();
  RateLimitTotals totals;
  while (true) {
    const auto row = statement->Step();
    if (!row.ok()) return row.status();
    if (!*row) return totals;
    totals[{statement->Text(0), statement->Text(1)}] = statement->Integer(2);
  }
}

absl::StatusOr<int64_t> LedgerWriter::DataVersion() {
  const auto version = db_.Number("PRAGMA data_version");
  if (!version.ok()) return version.status();
  return version->value_or(0);
}

}  // namespace agent_exporter::ledger

#include "ledger/reader.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "ledger/schema.h"

namespace agent_exporter::ledger {
namespace {

constexpr int kMaxConnections = 4;
constexpr std::chrono::seconds kQueryTimeout{5};
constexpr int64_t kMaxEvents = 1000;
// Up to this many sources we run one query for each; for more, one query over all samples by time.
constexpr size_t kFewSources = 16;

absl::Status ForEachRow(base::Statement& statement,
                        const std::function<void(const base::Statement&)>& handle_row) {
  while (true) {
    const auto row = statement.Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    handle_row(statement);
  }
}

absl::Status Query(base::Database& db, std::string_view sql,
                   const std::function<void(base::Statement&)>& bind,
                   const std::function<void(const base::Statement&)>& handle_row) {
  auto statement = db.Prepare(sql);
  if (!statement.ok()) return statement.status();
  bind(*statement);
  return ForEachRow(*statement, handle_row);
}

double Percent(double centi) { return centi / 100; }

// Reads the samples at both edges of the window, and the hourly sums for the whole hours between them.
constexpr char kSummarySql[] = R"sql(
WITH parts AS (
  SELECT source_id, count(*) AS n, sum(cpu_centi) AS cpu_sum, max(cpu_centi) AS cpu_peak,
         count(rss_bytes) AS rss_n, sum(rss_bytes) AS rss_sum, max(rss_bytes) AS rss_peak, max(ts) AS newest
    FROM samples WHERE ts >= ?1 AND ts < ?2 AND ts <= ?3 GROUP BY source_id
  UNION ALL
  SELECT source_id, samples, cpu_sum, cpu_peak, rss_samples, rss_sum, rss_peak, newest_ts
    FROM hourly WHERE hour >= ?4 AND hour <= ?5)
SELECT source_id, agent, source, sum(n), sum(cpu_sum) * 1.0 / sum(n), max(cpu_peak),
       sum(rss_sum) * 1.0 / nullif(sum(rss_n), 0), max(rss_peak), max(newest)
  FROM parts JOIN sources ON sources.id = source_id
  WHERE ?6 = '' OR agent = ?6
  GROUP BY source_id ORDER BY agent, source)sql";

struct Source {
  int64_t id = 0;
  std::string agent;
  std::string name;
};

absl::StatusOr<std::vector<Source>> SourcesOf(base::Database& db, const LedgerWindow& window) {
  std::vector<Source> sources;
  absl::Status status = Query(
      db, "SELECT id, agent, source FROM sources WHERE (?1 = '' OR agent = ?1) AND (?2 = '' OR source = ?2)",
      [&](base::Statement& statement) {
        statement.Bind(1, std::string_view(window.agent)).Bind(2, std::string_view(window.source));
      },
      [&](const base::Statement& row) { sources.push_back({row.Integer(0), row.Text(1), row.Text(2)}); });
  if (!status.ok()) return status;
  return sources;
}

struct Row {
  SampleCursor at;
  StoredSample sample;
};

}  // namespace

absl::Status LedgerReader::WithDatabase(const std::function<absl::Status(base::Database&)>& query) {
  std::optional<base::Database> db;
  {
    std::unique_lock lock(mutex_);
    if (!returned_.wait_for(lock, kQueryTimeout, [&] { return in_use_ < kMaxConnections; })) {
      return absl::UnavailableError("too many concurrent queries");
    }
    ++in_use_;
    // Close connections to a file that was set aside or replaced.
    std::erase_if(idle_, [](const base::Database& each) { return each.Moved(); });
    if (!idle_.empty()) {
      db = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  absl::Status status;
  if (!db) {
    auto opened = OpenLedgerReadOnly(path_);
    if (opened.ok()) {
      db = *std::move(opened);
    } else {
      status = opened.status();
    }
  }
  if (db) {
    db->SetDeadline(std::chrono::steady_clock::now() + kQueryTimeout);
    // One transaction, so that all statements of an answer see the same data.
    status = db->Run("BEGIN");
    if (status.ok()) status = query(*db);
    if (status.ok()) status = db->Run("COMMIT");
  }
  {
    const std::lock_guard lock(mutex_);
    --in_use_;
    if (status.ok()) idle_.push_back(*std::move(db));
  }
  returned_.notify_one();
  return status;
}

absl::StatusOr<Summary> LedgerReader::Summarize(const LedgerWindow& window) {
  Summary summary;
  absl::flat_hash_map<int64_t, size_t> at;  // by source id
  absl::Status status = WithDatabase([&](base::Database& db) {
    const auto oldest = db.Number("SELECT min(ts) FROM samples");
    if (!oldest.ok()) return oldest.status();
    if (!*oldest) return absl::OkStatus();
    // A partly pruned hour still has its full sums, so start at the oldest sample.
    const int64_t since = std::max(window.since, **oldest);
    const int64_t first_hour = (since + kMillisPerHour - 1) / kMillisPerHour;
    absl::Status read = Query(
        db, kSummarySql,
        [&](base::Statement& statement) {
          statement.Bind(1, since).Bind(2, first_hour * kMillisPerHour).Bind(3, window.now);
          statement.Bind(4, first_hour).Bind(5, window.now / kMillisPerHour);
          statement.Bind(6, std::string_view(window.agent));
        },
        [&](const base::Statement& row) {
          at[row.Integer(0)] = summary.sources.size();
          SourceSummary& source = summary.sources.emplace_back();
          source.agent = row.Text(1);
          source.source = row.Text(2);
          source.samples = row.Integer(3);
          source.average_cpu_percent = Percent(row.OptionalReal(4).value_or(0));
          source.peak_cpu_percent = Percent(static_cast<double>(row.Integer(5)));
          source.average_rss_bytes = row.OptionalReal(6);
          source.peak_rss_bytes = row.OptionalInteger(7);
          source.newest_ts = row.Integer(8);
          summary.samples += source.samples;
        });
    if (!read.ok()) return read;
    return Query(
        db,
        "SELECT source_id, cpu_centi, rss_bytes, heap_used_bytes FROM samples "
        "WHERE ts = (SELECT ts FROM ticks WHERE fresh_until >= ?1)",
        [&](base::Statement& statement) { statement.Bind(1, window.now); },
        [&](const base::Statement& row) {
          const auto found = at.find(row.Integer(0));
          if (found == at.end()) return;
          SourceSummary& source = summary.sources[found->second];
          source.current_cpu_percent = Percent(static_cast<double>(row.Integer(1)));
          source.current_rss_bytes = row.OptionalInteger(2);
          source.current_heap_used_bytes = row.OptionalInteger(3);
        });
  });
  if (!status.ok()) return status;
  return summary;
}

absl::StatusOr<SamplePage> LedgerReader::Samples(const LedgerWindow& window,
                                                 std::optional<SampleCursor> after, int limit) {
  const bool all = window.agent.empty() && window.source.empty();
  const SampleCursor from = after.value_or(SampleCursor{window.now + 1, 0});
  std::vector<Row> rows;
  absl::Status status = WithDatabase([&](base::Database& db) -> absl::Status {
    auto sources = SourcesOf(db, window);
    if (!sources.ok()) return sources.status();
    absl::flat_hash_map<int64_t, const Source*> by_id;
    for (const Source& source : *sources) by_id[source.id] = &source;
    const auto add_row = [&](const base::Statement& row) {
      const auto source = by_id.find(row.Integer(1));
      if (source == by_id.end()) return;
      Row& added = rows.emplace_back();
      added.at = {row.Integer(0), row.Integer(1)};
      added.sample.ts = row.Integer(0);
      added.sample.agent = source->second->agent;
      added.sample.source = source->second->name;
      if (const auto pid = row.OptionalInteger(2)) added.sample.pid = static_cast<pid_t>(*pid);
      added.sample.cpu_percent = Percent(static_cast<double>(row.Integer(3)));
      added.sample.rss_bytes = row.OptionalInteger(4);
      added.sample.heap_used_bytes = row.OptionalInteger(5);
    };
    const auto bind = [&](base::Statement& statement) {
      statement.Bind(1, window.since).Bind(2, from.ts).Bind(3, from.source_id).Bind(4, int64_t{limit} + 1);
    };
    constexpr std::string_view kColumns =
        "SELECT ts, source_id, pid, cpu_centi, rss_bytes, heap_used_bytes FROM samples ";
    constexpr std::string_view kWhere = "ts >= ?1 AND ts <= ?2 AND (ts, source_id) < (?2, ?3) ";
    constexpr std::string_view kOrder = "ORDER BY ts DESC, source_id DESC LIMIT ?4";
    const auto sql = [&](std::string_view condition) {
      return std::string(kColumns).append("WHERE ").append(condition).append(kWhere).append(kOrder);
    };
    if (all) return Query(db, sql(""), bind, add_row);
    if (sources->size() > kFewSources) {
      return Query(
          db,
          // The plus stops SQLite from reading source by source and sorting the result.
          sql("+source_id IN (SELECT id FROM sources WHERE (?5 = '' OR agent = ?5) AND (?6 = '' OR source = "
              "?6)) "
              "AND "),
          [&](base::Statement& statement) {
            bind(statement);
            statement.Bind(5, std::string_view(window.agent)).Bind(6, std::string_view(window.source));
          },
          add_row);
    }
    for (const Source& source : *sources) {
      absl::Status read = Query(
          db, sql("source_id = ?5 AND "),
          [&](base::Statement& statement) {
            bind(statement);
            statement.Bind(5, source.id);
          },
          add_row);
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.at.ts, a.at.source_id) > std::tie(b.at.ts, b.at.source_id);
  });
  SamplePage page;
  for (Row& row : rows) {
    if (page.samples.size() == static_cast<size_t>(limit)) {
      page.next = SampleCursor{page.samples.back().ts, rows[page.samples.size() - 1].at.source_id};
      break;
    }
    page.samples.push_back(std::move(row.sample));
  }
  return page;
}

absl::StatusOr<RateLimits> LedgerReader::Events(const LedgerWindow& window) {
  RateLimits result;
  absl::Status status = WithDatabase([&](base::Database& db) {
    const auto bind = [&](base::Statement& statement) {
      statement.Bind(1, window.since).Bind(2, window.now).Bind(3, std::string_view(window.agent));
    };
    absl::Status read =
        Query(db,
              "SELECT kind, count(*) FROM rate_limit_events WHERE ts >= ?1 AND ts <= ?2 AND (?3 = '' OR "
              "agent = ?3) "
              "GROUP BY kind",
              bind, [&](const base::Statement& row) { result.by_kind[row.Text(0)] = row.Integer(1); });
    if (!read.ok()) return read;
    return Query(
        db,
        absl::StrCat(
            "SELECT id, agent, source, kind, ts FROM rate_limit_events WHERE ts >= ?1 AND ts <= ?2 AND "
            "(?3 = '' OR agent = ?3) ORDER BY ts DESC, "
            // The id is source:ts:seq; as a text 10 would come before 9.
            "CAST(substr(id, length(source) + length(ts) + 3) AS INTEGER) DESC, id DESC LIMIT ",
            kMaxEvents),
        bind, [&](const base::Statement& row) {
          result.events.push_back({row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Integer(4)});
        });
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<std::vector<std::string>> LedgerReader::Agents() {
  std::vector<std::string> agents;
  absl::Status status = WithDatabase([&](base::Database& db) {
    return Query(
        db, "SELECT DISTINCT agent FROM sources ORDER BY agent", [](base::Statement&) {},
        [&](const base::Statement& row) { agents.push_back(row.Text(0)); });
  });
  if (!status.ok()) return status;
  return agents;
}

}  // namespace agent_exporter::ledger

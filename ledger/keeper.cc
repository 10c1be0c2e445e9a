#include "ledger/keeper.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/bounded_reads.h"
#include "base/label_value.h"
#include "base/regular_file.h"
#include "ledger/schema.h"

namespace agent_exporter::ledger {
namespace {

// How often we look for sessions between ticks; whether one runs decides when the next tick is due.
constexpr double kMeasureSeconds = 5;
constexpr double kPanesSeconds = 5;
constexpr double kClockSlackSeconds = 60;
constexpr double kSteadySeconds = 600;
constexpr int kPruneBatches = 10;
constexpr size_t kMaxUnwritten = 1000;
constexpr int64_t kFutureSlackMillis = 24 * kMillisPerHour;

int64_t Millis(double seconds) { return std::llround(seconds * 1000); }

const char* Reason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return "locked";
    case absl::StatusCode::kResourceExhausted:
      return "full";
    case absl::StatusCode::kDataLoss:
      return "damaged";
    case absl::StatusCode::kFailedPrecondition:
      return "refused";
    default:
      return "other";
  }
}

uint64_t FileBytes(const std::string& path) {
  uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat about = {};
    if (stat((path + suffix).c_str(), &about) == 0) bytes += static_cast<uint64_t>(about.st_size);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerKeeper>> LedgerKeeper::Make(LedgerOptions options) {
  auto keeper = std::unique_ptr<LedgerKeeper>(new LedgerKeeper(std::move(options)));
  for (const RateLimitLog& log : keeper->options_.logs) {
    auto patterns = RateLimitPatterns::Make(log.patterns);
    if (!patterns.ok()) return patterns.status();
    keeper->logs_.push_back({.agent = log.agent,
                             .path = log.path,
                             .patterns = *std::move(patterns),
                             .tail = std::make_shared<LogTail>(LogTail{LogFollower(log.path), {}})});
  }
  auto patterns = RateLimitPatterns::Make({});
  if (!patterns.ok()) return patterns.status();
  keeper->session_patterns_ = *std::move(patterns);
  return keeper;
}

void LedgerKeeper::Log(bool is_error, const std::string& line) const {
  if (options_.log) options_.log(is_error, line);
}

void LedgerKeeper::Observe(const agents::Observation& observation) {
  const double now = observation.monotonic_seconds;
  CheckClock(observation.wall_seconds, now);
  // The sampler's ticks are not quite even, so a tick may come a little early.
  const auto interval_of = [&](bool sessions) {
    const double seconds =
        std::chrono::duration<double>(sessions ? options_.sample_interval : options_.idle_sample_interval)
            .count();
    return seconds - std::min(0.5, seconds * 0.02);
  };
  const bool due = !ticked_ || now - *ticked_ >= interval_of(meter_.has_sessions());
  if (!due && measured_ && now - *measured_ < kMeasureSeconds) return;
  measured_ = now;
  UpdatePanes(observation, due);
  meter_.Observe(observation, panes_);
  stats_.live = meter_.live();
  if (due || now - *ticked_ >= interval_of(meter_.has_sessions())) Tick(observation);
}

void LedgerKeeper::UpdatePanes(const agents::Observation& observation, bool tick) {
  if (!options_.list_panes) return;
  std::vector<pid_t> servers, candidates;
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.comm.starts_with("tmux: server")) servers.push_back(process.key.pid);
    }
  }
  if (servers.empty()) {
    panes_.clear();
    pane_candidates_.clear();
    return;
  }
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::ProcessSample& process : agent.processes) {
      if (std::find(servers.begin(), servers.end(), process.ppid) != servers.end()) {
        candidates.push_back(process.key.pid);
      }
    }
  }
  std::sort(candidates.begin(), candidates.end());
  const double now = observation.monotonic_seconds;
  const bool changed = candidates != pane_candidates_ && now - panes_listed_ >= kPanesSeconds;
  if (!tick && !changed) return;
  panes_listed_ = now;
  pane_candidates_ = std::move(candidates);
  auto panes = options_.list_panes();
  if (!panes.ok()) {
    Log(true, absl::StrCat("cannot list the panes of tmux, so sessions are named after their leaders: ",
                           panes.status().message()));
    panes_.clear();
    return;
  }
  panes_ = *std::move(panes);
  for (auto& [pid, session] : panes_) session = base::LabelValue(session);
}

void LedgerKeeper::CheckClock(double wall, double monotonic) {
  const double offset = wall - monotonic;
  if (clock_offset_ && std::abs(offset - *clock_offset_) > kClockSlackSeconds) {
    prune_after_ = monotonic + kSteadySeconds;
    Log(false, absl::StrCat("the clock jumped by ", std::llround(offset - *clock_offset_),
                            " s; nothing is removed from the ledger for the next 10 minutes"));
    clock_offset_ = offset;
  }
  if (!clock_offset_) clock_offset_ = offset;
}

void LedgerKeeper::Tick(const agents::Observation& observation) {
  const double wall = observation.wall_seconds;
  ticked_ = observation.monotonic_seconds;
  std::vector<SourceSample> samples = meter_.TakeTick();
  for (SourceSample& sample : samples) {
    if (options_.heap_used_bytes && sample.source == kServerSource) {
      sample.heap_used_bytes = options_.heap_used_bytes(sample.agent);
    }
  }
  const auto interval = meter_.has_sessions() ? options_.sample_interval : options_.idle_sample_interval;
  const int64_t ts = Millis(wall);
  // Until the next tick, with some room for a late one.
  const int64_t fresh_until = ts + interval.count() * 2 + 30'000;
  const absl::Status status =
      Write(wall, [&](LedgerWriter& writer) { return writer.WriteTick(ts, fresh_until, samples); });
  if (!status.ok()) return;
  ++stats_.writes;
  stats_.last_write = wall;
  Prune(wall, observation.monotonic_seconds);
  stats_.file_bytes = FileBytes(options_.path);
}

void LedgerKeeper::Prune(double wall, double monotonic) {
  if (monotonic < prune_after_) return;
  const int64_t now = Millis(wall);
  const auto before = [now](std::chrono::hours retention) {
    return now - std::chrono::duration_cast<std::chrono::milliseconds>(retention).count();
  };
  const LedgerWriter::Cutoffs cutoffs{.samples = before(options_.retention),
                                      .events = before(options_.rate_limit_retention),
                                      .future = now + kFutureSlackMillis};
  for (int batch = 0; batch < kPruneBatches; ++batch) {
    bool more = false;
    const absl::Status status = Write(wall, [&](LedgerWriter& writer) {
      const auto pruned = writer.Prune(cutoffs);
      if (pruned.ok()) more = *pruned;
      return pruned.status();
    });
    if (!status.ok() || !more) return;
  }
}

absl::Status LedgerKeeper::EnsureOpen(double wall) {
  if (writer_ != nullptr && !writer_->Moved()) return absl::OkStatus();
  if (writer_ != nullptr) {
    Log(true, absl::StrCat(options_.path, " is gone; starting a new ledger"));
    counted_before_ = stats_.events.value_or(RateLimitTotals());
  }
  writer_.reset();  // closed before the same file may be opened again
  auto opened = LedgerWriter::Open(options_.path, options_.busy_timeout, true);
  if (!opened.ok()) return opened.status();
  writer_ = *std::move(opened);
  totals_stale_ = true;
  data_version_.reset();
  // Everything is too old: either the exporter was off for a long time, or the clock is wrong.
  const auto newest = writer_->NewestSample();
  const auto retention = std::chrono::duration_cast<std::chrono::milliseconds>(options_.retention).count();
  if (newest.ok() && *newest && clock_offset_ && **newest < Millis(wall) - retention) {
    prune_after_ = std::max(prune_after_, wall - *clock_offset_ + kSteadySeconds);
  }
  return absl::OkStatus();
}

absl::Status LedgerKeeper::Write(double wall, const std::function<absl::Status(LedgerWriter&)>& write) {
  absl::Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = EnsureOpen(wall);
    if (status.ok()) status = write(*writer_);
    if (status.ok()) {
      RecordSuccess();
      return status;
    }
    RecordFailure(status);
    // A busy file and a full disk are temporary. For anything else, reopen the file.
    if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) writer_.reset();
    if (!absl::IsDataLoss(status)) return status;
    const auto aside = SetAside(options_.path, wall);
    if (!aside.ok()) {
      Log(true, std::string(aside.status().message()));
      return status;
    }
    ++stats_.set_aside;
    counted_before_ = stats_.events.value_or(RateLimitTotals());
    Log(true, absl::StrCat("the ledger ", options_.path, " is damaged (", status.message(),
                           "); it was set aside as ", *aside, " and a new one was started"));
  }
  return status;
}

void LedgerKeeper::RecordFailure(const absl::Status& status) {
  const std::string reason = Reason(status);
  ++stats_.errors[reason];
  stats_.open = false;
  if (failing_ == reason) return;
  failing_ = reason;
  if (absl::IsDataLoss(status)) return;  // logged where it is renamed
  Log(true, absl::StrCat("the ledger ", options_.path,
                         " cannot be written; metrics continue without it: ", status.message()));
}

void LedgerKeeper::RecordSuccess() {
  stats_.open = true;
  if (failing_.empty()) return;
  failing_.clear();
  Log(false, absl::StrCat("the ledger ", options_.path, " can be written again"));
}

// The event's id contains its own time, so that an event seen again after a restart is not counted twice.
void LedgerKeeper::AddAgentErrors(int64_t now) {
  if (!options_.agent_errors) return;
  const int64_t oldest =
      now - std::chrono::duration_cast<std::chrono::milliseconds>(options_.rate_limit_retention).count();
  std::set<std::pair<std::string, int64_t>> current;
  for (const AgentError& error : options_.agent_errors()) {
    const auto [at, is_new] = current.emplace(error.agent, error.ts);
    if (!is_new || known_errors_.contains(*at) || error.ts < oldest) continue;
    const std::string_view kind = session_patterns_.KindOf(error.text);
    if (kind.empty()) continue;
    if (unwritten_.size() >= kMaxUnwritten) {
      current.erase(at);  // written next time
      continue;
    }
    unwritten_.push_back(
        {.agent = error.agent, .source = "session", .kind = std::string(kind), .ts = error.ts, .seq = 0});
  }
  known_errors_ = std::move(current);
}

void LedgerKeeper::Attend(double wall) {
  const int64_t now = Millis(wall);
  for (FollowedLog& log : logs_) {
    const auto read = base::BoundedReads::Shared().Read<bool>(
        log.path,
        [tail = log.tail] {
          tail->follower.Poll([&tail](std::string_view line) { tail->lines.emplace_back(line); });
          return absl::StatusOr<bool>(true);
        },
        base::kFilePatience);
    if (!read.ok()) continue;  // the next read of the file returns these lines, too
    for (const std::string& line : std::exchange(log.tail->lines, {})) {
      const std::string_view kind = log.patterns.KindOf(line);
      if (kind.empty() || unwritten_.size() >= kMaxUnwritten) continue;
      unwritten_.push_back({.agent = log.agent, .source = "log", .kind = std::string(kind), .ts = now});
    }
  }
  AddAgentErrors(now);
  if (!unwritten_.empty()) {
    const absl::Status status =
        Write(wall, [this](LedgerWriter& writer) { return writer.AddEvents(unwritten_).status(); });
    if (status.ok()) {
      unwritten_.clear();
      totals_stale_ = true;
    }
  }
  if (writer_ == nullptr || writer_->Moved()) return;  // the next tick opens it
  const auto version = writer_->DataVersion();
  if (version.ok() && data_version_ != *version) {
    data_version_ = *version;
    totals_stale_ = true;
  }
  if (!totals_stale_) return;
  auto totals = writer_->Totals();
  if (!totals.ok()) return RecordFailure(totals.status());
  totals_stale_ = false;
  for (const auto& [key, total] : counted_before_) (*totals)[key] += total;
  stats_.events = *std::move(totals);
}

}  // namespace agent_exporter::ledger

// Keeps the ledger: takes Observations, decides when a tick is due, writes, prunes, follows logs, and goes on
// whatever happens to the file.
//
//   locked, full disk   the tick in flight is lost and counted; the next one is tried
//   damaged             set aside under a name with the time, a new file begun, the tick written into that
//   moved or removed    a new file at the path
//   clock jumped        nothing is pruned until the clock has been steady for ten minutes
//
// Thread safety: none; ledger/recorder.h puts it on a thread of its own.

#ifndef AGENT_EXPORTER_LEDGER_KEEPER_H_
#define AGENT_EXPORTER_LEDGER_KEEPER_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "ledger/rate_limit_log.h"
#include "ledger/records.h"
#include "ledger/source_meter.h"
#include "ledger/writer.h"

namespace agent_exporter::ledger {

// An agent's log file in which rate limits show.
struct RateLimitLog {
  std::string agent;
  std::string path;
  std::map<std::string, std::string> patterns;  // by kind, instead of the default ones
};

struct LedgerOptions {
  std::string path;
  std::chrono::milliseconds sample_interval = std::chrono::seconds(60);
  std::chrono::milliseconds idle_sample_interval = std::chrono::minutes(5);  // while no session runs
  std::chrono::hours retention = std::chrono::hours(7 * 24);
  std::chrono::hours rate_limit_retention = std::chrono::hours(30 * 24);
  std::vector<RateLimitLog> logs;
  // The programs in panes; asked when a tmux server is among the watched processes. Unset: never.
  std::function<absl::StatusOr<Panes>()> list_panes;
  // One line each, from the thread that calls.
  std::function<void(bool is_error, const std::string& line)> log;
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(3);
};

struct LedgerStats {
  bool open = false;
  uint64_t writes = 0;                     // ticks
  std::map<std::string, uint64_t> errors;  // by reason: locked, full, damaged, refused, other
  uint64_t set_aside = 0;
  std::optional<double> last_write;  // wall time
  std::optional<uint64_t> file_bytes;
  std::optional<RateLimitTotals> events;  // empty until they could be read
  SourceKeys live;
};

class LedgerKeeper {
 public:
  // InvalidArgument for a bad pattern.
  static absl::StatusOr<std::unique_ptr<LedgerKeeper>> Make(LedgerOptions options);

  // Takes in an observation, and writes a tick when one is due.
  void Observe(const agents::Observation& observation);
  // What is done between ticks: logs, the events that others wrote. `wall` in seconds.
  void Attend(double wall);

  const LedgerStats& stats() const { return stats_; }

 private:
  // Of one log. Shared with a read that hangs, which nobody repeats before it has ended.
  struct LogTail {
    LogFollower follower;
    std::vector<std::string> lines;  // not looked at yet
  };
  struct FollowedLog {
    std::string agent;
    std::string path;
    RateLimitPatterns patterns;
    std::shared_ptr<LogTail> tail;
  };

  explicit LedgerKeeper(LedgerOptions options) : options_(std::move(options)) {}

  void UpdatePanes(const agents::Observation& observation, bool tick);
  void Tick(const agents::Observation& observation);
  void NoteClock(double wall, double monotonic);
  void Prune(double wall, double monotonic);
  // Runs `write` on the open file, and once more on a new one when the file turns out to be damaged.
  absl::Status Write(double wall, const std::function<absl::Status(LedgerWriter&)>& write);
  absl::Status EnsureOpen(double wall);
  void NoteFailure(const absl::Status& status);
  void NoteSuccess();
  void Log(bool is_error, const std::string& line) const;

  LedgerOptions options_;
  LedgerStats stats_;
  SourceMeter meter_;
  std::unique_ptr<LedgerWriter> writer_;
  std::vector<FollowedLog> logs_;
  std::vector<RateLimitEvent> unwritten_;    // of the logs
  std::optional<double> measured_, ticked_;  // monotonic
  Panes panes_;
  std::vector<pid_t> pane_candidates_;
  double panes_listed_ = 0;
  std::optional<double> clock_offset_;  // wall - monotonic
  double prune_after_ = 0;              // monotonic
  std::optional<int64_t> data_version_;
  bool totals_stale_ = true;
  RateLimitTotals counted_before_;  // in ledgers that are gone: counters only rise
  std::string failing_;             // the reason last logged
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_KEEPER_H_

// Keeps the ledger: decides when a tick is due, writes and prunes, follows logs, and survives whatever
// happens to the file.
//
//   locked, full disk   loses and counts the current tick, tries again with the next
//   damaged             renames the file, with the time, and writes the tick into a new one
//   moved or removed    makes a new file at the path
//   clock jumped        prunes nothing until the clock has been steady for ten minutes
//
// Thread safety: none; ledger/recorder.h runs it on its own thread.

#ifndef AGENT_EXPORTER_LEDGER_KEEPER_H_
#define AGENT_EXPORTER_LEDGER_KEEPER_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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

// An agent's log file that shows rate limits.
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
  // The programs in panes; called when a tmux server is among the watched processes. May be empty.
  std::function<absl::StatusOr<Panes>()> list_panes;
  // The heap use that an agent reports, by its name. May be empty.
  std::function<std::optional<int64_t>(const std::string& agent)> heap_used_bytes;
  // The last errors of all agents whose session files are read. Known ones are ignored. May be empty.
  std::function<std::vector<AgentError>()> agent_errors;
  // Called with one line, on the calling thread.
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
  std::optional<RateLimitTotals> events;  // empty until they are read
  SourceKeys live;
};

class LedgerKeeper {
 public:
  // InvalidArgument for a bad pattern.
  static absl::StatusOr<std::unique_ptr<LedgerKeeper>> Make(LedgerOptions options);

  // Adds an observation, and writes a tick if one is due.
  void Observe(const agents::Observation& observation);
  // The work between ticks: follows logs, counts events that others wrote. `wall` in seconds.
  void Attend(double wall);

  const LedgerStats& stats() const { return stats_; }

 private:
  // One log. Shared with a read that hangs; that read is not repeated before it has ended.
  struct LogTail {
    LogFollower follower;
    std::vector<std::string> lines;  // not processed yet
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
  void CheckClock(double wall, double monotonic);
  void Prune(double wall, double monotonic);
  // Runs `write` on the open file. If the file is damaged, runs it again on a new one.
  absl::Status Write(double wall, const std::function<absl::Status(LedgerWriter&)>& write);
  absl::Status EnsureOpen(double wall);
  void AddAgentErrors(int64_t now);
  void RecordFailure(const absl::Status& status);
  void RecordSuccess();
  void Log(bool is_error, const std::string& line) const;

  LedgerOptions options_;
  LedgerStats stats_;
  SourceMeter meter_;
  std::unique_ptr<LedgerWriter> writer_;
  std::vector<FollowedLog> logs_;
  RateLimitPatterns session_patterns_;                      // for agent_errors
  std::set<std::pair<std::string, int64_t>> known_errors_;  // of agent_errors, by agent and time
  std::vector<RateLimitEvent> unwritten_;                   // of the logs
  std::optional<double> measured_, ticked_;                 // monotonic
  Panes panes_;
  std::vector<pid_t> pane_candidates_;
  double panes_listed_ = 0;
  std::optional<double> clock_offset_;  // wall - monotonic
  double prune_after_ = 0;              // monotonic
  std::optional<int64_t> data_version_;
  bool totals_stale_ = true;
  RateLimitTotals counted_before_;  // in earlier files, since counters must not fall
  std::string failing_;             // the reason last logged
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_KEEPER_H_

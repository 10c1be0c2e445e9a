// Takes the snapshots of `serve`: one of every agent per interval, on its own thread, so that the sampler
// never waits for a program or a disk.
//
// Observations come from the sampler (Submit), so nothing is read twice. A failure is counted, and logged
// once; the next round tries again.
//
// Ownership: owns its thread; the listeners are called on it and must not block for long.
// Thread safety: all public methods may be called from any thread.

#ifndef AGENT_EXPORTER_SNAPSHOT_TICKER_H_
#define AGENT_EXPORTER_SNAPSHOT_TICKER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "base/descriptor.h"
#include "base/newest_worker.h"
#include "base/system.h"
#include "kernel/rooted_reader.h"
#include "sessions/agent_meta.h"
#include "snapshot/options.h"
#include "snapshot/probes.h"
#include "snapshot/sidecars.h"
#include "snapshot/store.h"

namespace agent_exporter::snapshot {

// Called for each snapshot that differs from the previous one. `diff` is {"agent", "timestamp",
// "diff_fields"}.
using DiffListener =
    std::function<void(const std::string& agent, const nlohmann::json& diff, const nlohmann::json& snapshot)>;

// The figures behind the metrics.
struct SnapshotFigures {
  struct Agent {
    std::optional<uint64_t> diff_fields;  // of its last snapshot
    std::optional<double> timestamp;      // of the last snapshot, seconds since the epoch
    uint64_t failures = 0;                // snapshots that could not be written
    std::vector<Sidecar> sidecars;        // at most kSidecarSeconds old
  };
  std::map<std::string, Agent> agents;
  // As of the last snapshot; empty: not installed, or it failed.
  std::optional<uint64_t> tmux_sessions, screen_sessions;
  uint64_t probe_failures = 0;
};

class SnapshotTicker {
 public:
  static constexpr double kSidecarSeconds = 5;

  struct Options {
    SnapshotOptions snapshot;
    ProbeOptions probes;  // cancel_fd is set here
    std::string procfs;
    // May be empty. If set, the first round waits for the second observation, because agent_meta is read
    // after the first and would otherwise show as a change.
    sessions::MetaSource meta;
    std::vector<DiffListener> on_diff;
    // Called on the ticker's thread with one line when something starts to fail or works again.
    std::function<void(const std::string&)> log;
    base::System* system = &base::System::Real();
  };

  explicit SnapshotTicker(Options options);
  ~SnapshotTicker();  // stops
  SnapshotTicker(const SnapshotTicker&) = delete;
  SnapshotTicker& operator=(const SnapshotTicker&) = delete;

  // Ends a running probe and waits for the thread.
  void Stop();

  // Call it from Sampler::AddListener; it returns at once. While the thread is busy, only the newest
  // observation waits.
  void Submit(std::shared_ptr<const agents::Observation> observation) {
    worker_.Submit(std::move(observation));
  }

  SnapshotFigures figures() const;

  // The text of latest.json. NotFound: this agent has none.
  absl::StatusOr<std::string> Latest(const std::string& agent) const;

  // Snapshot rounds that have ended, successful or not.
  uint64_t rounds() const;
  // Waits until there are more rounds than `after` or the ticker stops.
  void WaitForRound(uint64_t after) const;

 private:
  using Tick = std::shared_ptr<const agents::Observation>;

  void Work(const agents::Observation& observation);
  void Look(const agents::Observation& observation);
  void CheckAllSidecars(const agents::Observation& observation);
  void Round(const agents::Observation& observation);
  void Snapshot(const SnapshotAgent& agent, const agents::Observation& observation,
                const ProbeResults& probes);
  void LogFailure(const std::string& what, const absl::Status& status);
  std::vector<SnapshotAgent> Agents(const agents::Observation& observation) const;
  std::optional<sessions::AgentMeta> Meta(const agents::Observation& observation,
                                          const std::string& agent) const;

  Options options_;
  kernel::RootedReader proc_;
  base::Descriptor cancel_;  // an eventfd
  SnapshotStore store_;
  bool may_start_ = false;                            // the thread's
  std::optional<double> last_round_, last_sidecars_;  // monotonic; the thread's
  std::set<std::string> failing_;                     // the thread's

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  uint64_t rounds_ = 0;
  SnapshotFigures figures_;
  base::NewestWorker<Tick> worker_;
};

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_TICKER_H_

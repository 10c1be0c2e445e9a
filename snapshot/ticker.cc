#include "snapshot/ticker.h"

#include <sys/eventfd.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/host_name.h"
#include "snapshot/snapshot_json.h"

namespace agent_exporter::snapshot {
namespace {

constexpr char kSelf[] = "agent_exporter";

bool IsDue(const std::optional<double>& last, double now, double interval) {
  return !last || now - *last >= interval || now < *last;
}

}  // namespace

SnapshotTicker::SnapshotTicker(Options options)
    : options_(std::move(options)),
      proc_(options_.procfs),
      cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      store_({.dir = options_.snapshot.dir, .cancel_fd = cancel_.get()}),
      worker_(
          *options_.system, [this](const Tick& tick) { Work(*tick); },
          [this](const absl::Status& refused) {
            if (options_.log) options_.log(absl::StrCat("no snapshots for now: ", refused.message()));
          }) {
  options_.probes.cancel_fd = cancel_.get();
}

SnapshotTicker::~SnapshotTicker() { Stop(); }

void SnapshotTicker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::eventfd_write(cancel_.get(), 1);
  changed_.notify_all();
  worker_.Stop();
}

SnapshotFigures SnapshotTicker::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

absl::StatusOr<std::string> SnapshotTicker::Latest(const std::string& agent) const {
  return store_.ReadLatest(agent);
}

uint64_t SnapshotTicker::rounds() const {
  const std::lock_guard lock(mutex_);
  return rounds_;
}

void SnapshotTicker::WaitForRound(uint64_t after) const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return rounds_ > after || stopping_; });
}

void SnapshotTicker::Work(const agents::Observation& observation) {
  try {
    Look(observation);
  } catch (const std::exception& error) {  // for instance no memory; the next tick may have enough
    LogFailure("snapshots", absl::InternalError(error.what()));
  }
}

void SnapshotTicker::Look(const agents::Observation& observation) {
  const double now = observation.monotonic_seconds;
  if (IsDue(last_sidecars_, now, kSidecarSeconds)) {
    last_sidecars_ = now;
    CheckAllSidecars(observation);
  }
  if (options_.meta && !std::exchange(may_start_, true)) return;
  const double interval = std::chrono::duration<double>(options_.snapshot.interval).count();
  if (IsDue(last_round_, now, interval)) {
    last_round_ = now;
    Round(observation);
  }
}

void SnapshotTicker::CheckAllSidecars(const agents::Observation& observation) {
  for (const SnapshotAgent& agent : options_.snapshot.agents) {
    if (agent.sidecars.empty()) continue;
    std::vector<Sidecar> sidecars =
        CheckSidecars(agent.sidecars, observation, MergedAgent(observation, agent.name).processes, proc_);
    const std::lock_guard lock(mutex_);
    figures_.agents[agent.name].sidecars = std::move(sidecars);
  }
}

void SnapshotTicker::Round(const agents::Observation& observation) {
  const ProbeResults probes = RunProbes(options_.probes);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    figures_.tmux_sessions =
        probes.tmux ? std::optional<uint64_t>(probes.tmux->SessionNames().size()) : std::nullopt;
    figures_.screen_sessions = probes.screen_sessions;
    figures_.probe_failures += probes.failures.size();
  }
  LogFailure("probes",
             probes.failures.empty() ? absl::OkStatus() : absl::UnavailableError(probes.failures[0]));
  for (const SnapshotAgent& agent : Agents(observation)) Snapshot(agent, observation, probes);
  {
    const std::lock_guard lock(mutex_);
    ++rounds_;
  }
  changed_.notify_all();
}

void SnapshotTicker::Snapshot(const SnapshotAgent& agent, const agents::Observation& observation,
                              const ProbeResults& probes) {
  const agents::AgentSample merged = MergedAgent(observation, agent.name);
  auto stored = store_.Write(
      agent.name,
      MakeSnapshot({.observation = observation,
                    .agent = merged,
                    .session = agent.session,
                    .probes = probes,
                    .names = options_.snapshot.names,
                    .sidecars = CheckSidecars(agent.sidecars, observation, merged.processes, proc_),
                    .meta = Meta(observation, agent.name),
                    .daemon = observation.self_pid > 0 ? std::optional(observation.self_pid) : std::nullopt,
                    .host = base::HostName()}),
      options_.snapshot.diff);
  if (absl::IsCancelled(stored.status())) return;
  LogFailure(absl::StrCat("the snapshot of ", agent.name), stored.status());
  {
    const std::lock_guard lock(mutex_);
    SnapshotFigures::Agent& figures = figures_.agents[agent.name];
    if (!stored.ok()) {
      ++figures.failures;
      return;
    }
    figures.timestamp = observation.wall_seconds;
    figures.diff_fields = stored->snapshot["diff_fields"].size();
  }
  if (!stored->diff) return;
  const nlohmann::json diff = *stored->diff, snapshot = stored->snapshot;
  for (const DiffListener& listener : options_.on_diff) listener(agent.name, diff, snapshot);
}

// Logs once when something starts to fail, and once when it works again.
void SnapshotTicker::LogFailure(const std::string& what, const absl::Status& status) {
  if (status.ok() ? failing_.erase(what) == 0 : !failing_.insert(what).second) return;
  if (!options_.log) return;
  options_.log(status.ok() ? absl::StrCat(what, ": works again")
                           : absl::StrCat(what, " failed (logged once): ", status.message()));
}

std::vector<SnapshotAgent> SnapshotTicker::Agents(const agents::Observation& observation) const {
  if (!options_.snapshot.agents.empty()) return options_.snapshot.agents;
  std::set<std::string> names;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name != kSelf) names.insert(agent.name);
  }
  std::vector<SnapshotAgent> agents;
  agents.reserve(names.size());
  for (const std::string& name : names) agents.push_back({.name = name});
  return agents;
}

std::optional<sessions::AgentMeta> SnapshotTicker::Meta(const agents::Observation& observation,
                                                        const std::string& agent) const {
  if (!options_.meta) return std::nullopt;
  for (const agents::AgentSample& sample : observation.agents) {
    if (sample.name != agent) continue;
    if (auto meta = options_.meta(sample)) return meta;
  }
  return std::nullopt;
}

}  // namespace agent_exporter::snapshot

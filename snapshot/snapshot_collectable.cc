#include "snapshot/snapshot_collectable.h"

#include <string>

#include "base/label_value.h"
#include "collectors/family.h"

namespace agent_exporter::snapshot {

collectors::Families SnapshotFamilies(const SnapshotFigures& figures) {
  collectors::Family diff = collectors::Family::Gauge(
      "agent_snapshot_diff_fields", "Fields in which the agent's last snapshot differs from the one before.");
  collectors::Family timestamp =
      collectors::Family::Gauge("agent_snapshot_timestamp_seconds", "When the last snapshot was taken.");
  collectors::Family failures = collectors::Family::Counter(
      "agent_snapshot_failures_total", "Snapshots of the agent that could not be written.");
  collectors::Family sidecar =
      collectors::Family::Gauge("agent_sidecar_up", "1 if this helper of the agent is there.");
  collectors::Family tmux =
      collectors::Family::Gauge("agent_host_tmux_sessions", "tmux sessions of the exporter's own user.");
  collectors::Family screen =
      collectors::Family::Gauge("agent_host_screen_sessions", "screen sessions of the exporter's own user.");
  collectors::Family probes = collectors::Family::Counter("agent_exporter_snapshot_probe_failures_total",
                                                          "Times that tmux or screen could not be asked.");
  for (const auto& [name, agent] : figures.agents) {
    const collectors::Labels labels = {{"agent", base::LabelValue(name)}};
    diff.Add(labels, agent.diff_fields);
    if (agent.timestamp) timestamp.Add(labels, *agent.timestamp);
    failures.Add(labels, agent.failures);
    for (const Sidecar& helper : agent.sidecars) {
      sidecar.Add({{"agent", base::LabelValue(name)},
                   {"name", base::LabelValue(helper.name)},
                   {"kind", std::string(helper.kind())}},
                  uint64_t{helper.alive});
    }
  }
  tmux.Add({}, figures.tmux_sessions);
  screen.Add({}, figures.screen_sessions);
  probes.Add({}, figures.probe_failures);
  return collectors::Collected(diff, timestamp, failures, sidecar, tmux, screen, probes);
}

}  // namespace agent_exporter::snapshot

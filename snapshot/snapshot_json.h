// A snapshot: one JSON object with the state of the host for one agent at one instant. docs/snapshot.md lists
// its fields.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_JSON_H_
#define AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_JSON_H_

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/observation.h"
#include "sessions/agent_meta.h"
#include "snapshot/probes.h"
#include "snapshot/sidecars.h"

namespace agent_exporter::snapshot {

struct SnapshotInput {
  const agents::Observation& observation;
  const agents::AgentSample& agent;  // of all kinds and slots, see MergedAgent
  std::string session;               // the tmux session it runs in; empty: found by its processes
  const ProbeResults& probes;
  const std::vector<std::string>& names;  // names whose processes in the agent's tree are counted
  std::vector<Sidecar> sidecars;
  std::optional<sessions::AgentMeta> meta;
  std::optional<pid_t> daemon;  // the running exporter
  std::string host;
};

// Without has_diff and diff_fields, which the store adds. Unknown values are null.
nlohmann::ordered_json MakeSnapshot(const SnapshotInput& input);

// The main keys of a snapshot as one flat object. Unknown values are null.
nlohmann::ordered_json TerseSnapshot(const nlohmann::ordered_json& snapshot);

// The live processes of all agents with this name, of any kind and slot, as one agent. It has no processes if
// there is no such agent.
agents::AgentSample MergedAgent(const agents::Observation& observation, const std::string& name);

// Live processes of `agent` whose comm or program file is `name`; a wrapper with the name in its command line
// does not count. If there is none and the agent itself has that name, returns its roots, whose comm may
// differ (a script, a versioned binary).
std::vector<const agents::ProcessSample*> ProcessesCalled(const agents::AgentSample& agent,
                                                          std::string_view name);

// ISO 8601 in local time, with seconds and offset: "2026-03-01T14:05:09+01:00".
std::string LocalTimestamp(double wall_seconds);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_JSON_H_

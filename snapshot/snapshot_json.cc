#include "snapshot/snapshot_json.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <set>
#include <tuple>

#include "absl/strings/str_format.h"
#include "base/json_path.h"

namespace agent_exporter::snapshot {
namespace {

using Json = nlohmann::ordered_json;

template <typename Value>
Json OrNull(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ForkPressure(const kernel::HostSample& host) {
  if (!host.processes || !host.pid_max || *host.pid_max == 0) return nullptr;
  const double percent = 100 * static_cast<double>(*host.processes) / static_cast<double>(*host.pid_max);
  return std::round(percent * 100) / 100;
}

// The agent's pane: that of the configured session; otherwise one whose program is a process of the agent or
// the parent of a root; otherwise that of a session with the agent's name.
const base::TmuxPane* FindPane(const SnapshotInput& input) {
  if (!input.probes.tmux) return nullptr;
  std::set<pid_t> own;
  for (const agents::ProcessSample& process : input.agent.processes) {
    own.insert(process.key.pid);
    if (process.role == agents::Role::kRoot) own.insert(process.ppid);
  }
  const auto first = [&input](const auto& fits) {
    const base::TmuxPane* found = nullptr;
    for (const base::TmuxPane& pane : input.probes.tmux->panes) {
      if (!fits(pane)) continue;
      if (found == nullptr || std::tie(pane.window, pane.pane) < std::tie(found->window, found->pane))
        found = &pane;
    }
    return found;
  };
  const auto is_session = [](const std::string& name) {
    return [&name](const base::TmuxPane& pane) { return pane.session == name; };
  };
  if (!input.session.empty()) return first(is_session(input.session));
  const base::TmuxPane* pane =
      first([&own](const base::TmuxPane& p) { return p.pid > 0 && own.contains(p.pid); });
  return pane != nullptr ? pane : first(is_session(input.agent.name));
}

// The server of `pane`, or the only one that runs.
std::optional<pid_t> FindServer(const ProbeResults& probes, const base::TmuxPane* pane) {
  if (pane != nullptr) return pane->server_pid;
  if (!probes.tmux) return std::nullopt;
  std::set<pid_t> servers;
  for (const base::TmuxPane& any : probes.tmux->panes) servers.insert(any.server_pid);
  return servers.size() == 1 ? std::optional(*servers.begin()) : std::nullopt;
}

Json Pids(const SnapshotInput& input) {
  std::optional<kernel::ProcessKey> newest;
  for (const agents::ProcessSample* process : ProcessesCalled(input.agent, "claude")) {
    const auto age = [](const kernel::ProcessKey& key) { return std::pair(key.start_ticks, key.pid); };
    if (!newest || age(process->key) > age(*newest)) newest = process->key;
  }
  const base::TmuxPane* pane = FindPane(input);
  Json sidecars = Json::object();
  for (const Sidecar& sidecar : input.sidecars) {
    sidecars[sidecar.name] = {
        {"pid", OrNull(sidecar.pid)}, {"kind", sidecar.kind()}, {"alive", sidecar.alive}};
  }
  return {{"container_daemon", OrNull(input.daemon)},
          {"claude_code", newest ? Json(newest->pid) : Json(nullptr)},
          {"tmux",
           {{"server", OrNull(FindServer(input.probes, pane))},
            {"pane", pane != nullptr && pane->pid > 0 ? Json(pane->pid) : Json(nullptr)}}},
          {"sidecars", std::move(sidecars)}};
}

}  // namespace

Json MakeSnapshot(const SnapshotInput& input) {
  const kernel::HostSample& host = input.observation.host;
  const auto memory = [&host](uint64_t kernel::HostMemory::* part) {
    return host.memory ? Json((*host.memory).*part) : Json(nullptr);
  };
  Json snapshot = {{"agent", input.agent.name},
                   {"timestamp", LocalTimestamp(input.observation.wall_seconds)},
                   {"host", input.host}};
  const auto& tmux = input.probes.tmux;
  const std::vector<std::string> sessions = tmux ? tmux->SessionNames() : std::vector<std::string>();
  snapshot["tmux_count"] = tmux ? Json(sessions.size()) : Json(nullptr);
  snapshot["tmux_names"] = sessions;
  snapshot["screen_count"] = OrNull(input.probes.screen_sessions);
  for (const std::string& name : input.names) {
    snapshot[name + "_procs"] = ProcessesCalled(input.agent, name).size();
  }
  snapshot["load1"] = host.load ? Json(host.load->average[0]) : Json(nullptr);
  snapshot["mem_total_bytes"] = memory(&kernel::HostMemory::total);
  snapshot["mem_used_bytes"] = memory(&kernel::HostMemory::used);
  snapshot["mem_free_bytes"] = memory(&kernel::HostMemory::available);
  snapshot["nproc_cur"] = OrNull(host.processes);
  snapshot["nproc_max"] = OrNull(host.pid_max);
  snapshot["fork_pressure_pct"] = ForkPressure(host);
  snapshot["context_percent"] = input.meta ? OrNull(input.meta->context_pct) : Json(nullptr);
  snapshot["agent_meta"] = input.meta ? sessions::MetaJson(*input.meta) : Json(nullptr);
  snapshot["pids"] = Pids(input);
  return snapshot;
}

Json TerseSnapshot(const Json& snapshot) {
  Json terse = base::Terse(snapshot, {"agent",
                                      "timestamp",
                                      "host",
                                      "tmux_count",
                                      "tmux_names",
                                      "screen_count",
                                      "load1",
                                      "mem_total_bytes",
                                      "mem_used_bytes",
                                      "mem_free_bytes",
                                      "nproc_cur",
                                      "nproc_max",
                                      "fork_pressure_pct",
                                      "context_percent",
                                      "agent_meta.alive",
                                      "agent_meta.subagents",
                                      "agent_meta.context_pct",
                                      "agent_meta.current_tool",
                                      "agent_meta.last_activity",
                                      "agent_meta.model",
                                      "pids.container_daemon",
                                      "pids.claude_code",
                                      "pids.tmux.server",
                                      "pids.tmux.pane",
                                      "has_diff",
                                      "diff_fields"});
  for (const auto& [key, value] : snapshot.items()) {
    if (key.ends_with("_procs")) terse[key] = value;  // counts of the configured names
  }
  return terse;
}

agents::AgentSample MergedAgent(const agents::Observation& observation, const std::string& name) {
  agents::AgentSample merged;
  merged.name = name;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name != name) continue;
    if (merged.processes.empty()) {
      merged.kind = agent.kind;
      merged.slot = agent.slot;
    }
    merged.configured |= agent.configured;
    merged.processes.insert(merged.processes.end(), agent.processes.begin(), agent.processes.end());
  }
  return merged;
}

std::vector<const agents::ProcessSample*> ProcessesCalled(const agents::AgentSample& agent,
                                                          std::string_view name) {
  std::vector<const agents::ProcessSample*> found;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.state != 'Z' &&
        (process.comm == name.substr(0, kernel::kCommBytes) || process.program == name))
      found.push_back(&process);
  }
  if (!found.empty() || agent.name != name) return found;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.state != 'Z' && process.role == agents::Role::kRoot) found.push_back(&process);
  }
  return found;
}

std::string LocalTimestamp(double wall_seconds) {
  const auto seconds = static_cast<time_t>(wall_seconds);
  tm local{};
  ::localtime_r(&seconds, &local);
  const long minutes = local.tm_gmtoff / 60;
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
  return absl::StrFormat("%s%c%02d:%02d", text, minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                         std::abs(minutes) % 60);
}

}  // namespace agent_exporter::snapshot

// The agents' own processes (their roots), without descendants.

#include <algorithm>

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families agent_self(const agents::Observation& observation) {
  Family up = Family::Gauge("agent_up", "1 while the agent has a live root process.");
  Family configured = Family::Gauge("agent_configured", "1 if the configuration names this agent.");
  Family instances = Family::Gauge("agent_instances", "Live root processes under this name.");
  Family resident =
      Family::Gauge("agent_self_resident_memory_bytes", "Resident memory of the roots (VmRSS).");
  Family virtual_memory =
      Family::Gauge("agent_self_virtual_memory_bytes", "Virtual memory of the roots (VmSize).");
  Family threads = Family::Gauge("agent_self_threads", "Live threads of the roots.");
  Family open_fds = Family::Gauge("agent_self_open_fds", "Open file descriptors of the roots.");
  Family max_fds =
      Family::Gauge("agent_self_max_fds", "Soft limit on open file descriptors, summed over the roots.");
  Family start =
      Family::Gauge("agent_self_start_time_seconds", "When the oldest root started, since the epoch.");
  Family uptime = Family::Gauge("agent_self_uptime_seconds", "How long the oldest root has been running.");
  Family cpu =
      Family::Counter("agent_self_cpu_seconds_total", "CPU time of the roots since the exporter started.");
  Family restarts =
      Family::Counter("agent_restarts_total", "How often a new root with this name replaced an ended one.");
  Family resident_max = Family::Gauge("agent_self_resident_memory_bytes_max",
                                      "Highest resident memory of the roots in the last 60 s.");
  Family open_fds_max =
      Family::Gauge("agent_self_open_fds_max", "Most open file descriptors of the roots in the last 60 s.");
  Family oom_kills =
      Family::Counter("agent_oom_kills_total", "Processes of the agent that the OOM killer killed.");

  for (const agents::AgentSample& agent : observation.agents) {
    const Labels labels = AgentLabels(agent);
    const uint64_t live = Instances(agent);
    up.Add(labels, live > 0 ? 1.0 : 0.0);
    configured.Add(labels, agent.configured ? 1.0 : 0.0);
    instances.Add(labels, static_cast<double>(live));
    AddCpu(cpu, agent, agent.counters.self_cpu);
    restarts.Add(labels, static_cast<double>(agent.counters.restarts));
    // Only the kernel's event distinguishes an OOM kill from any other SIGKILL.
    if (observation.process_events == "bpf")
      oom_kills.Add(labels, static_cast<double>(agent.counters.oom_kills));
    resident_max.Add(labels, agent.self_resident_max);
    open_fds_max.Add(labels, agent.self_open_fds_max);
    if (live == 0) continue;

    using Process = agents::ProcessSample;
    resident.Add(labels, SumOver(agent, IsRoot, [](const Process& p) { return p.usage.resident_bytes; }));
    virtual_memory.Add(labels,
                       SumOver(agent, IsRoot, [](const Process& p) { return p.usage.virtual_bytes; }));
    threads.Add(labels,
                SumOver(agent, IsRoot, [](const Process& p) { return std::optional<uint64_t>(p.threads); }));
    open_fds.Add(labels, SumOver(agent, IsRoot, [](const Process& p) { return p.usage.open_fds; }));
    max_fds.Add(labels, SumOver(agent, IsRoot, [](const Process& p) { return p.limits.open_files; }));
    // Roots are sorted oldest first.
    const auto oldest = std::find_if(agent.processes.begin(), agent.processes.end(), IsLiveRoot);
    start.Add(labels, observation.StartTimeSeconds(oldest->key));
    uptime.Add(labels, oldest->age_seconds);
  }
  return Collected(up, configured, instances, resident, virtual_memory, threads, open_fds, max_fds, start,
                   uptime, cpu, restarts, oom_kills, resident_max, open_fds_max);
}

}  // namespace agent_exporter::collectors

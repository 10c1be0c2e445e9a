// The exporter itself: how it reads, what it missed, and the standard process_* metrics from the same
// observation.

#include <algorithm>

#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

const agents::ProcessSample* Self(const agents::Observation& observation) {
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name != "agent_exporter") continue;
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.key.pid == observation.self_pid) return &process;
    }
  }
  return nullptr;
}

}  // namespace

Families exporter(const agents::Observation& observation) {
  Family source = Family::Gauge("agent_exporter_process_source_info", "How the exporter reads processes.");
  Family events =
      Family::Gauge("agent_exporter_process_events_info", "Where fork and exit events come from.");
  Family lost = Family::Counter("agent_exporter_events_lost_total",
                                "Fork and exit events lost because a buffer was full.");
  Family disagreements = Family::Counter("agent_exporter_tracking_disagreements_total",
                                         "Descendants that events missed and a scan of all processes found.");
  Family unreadable =
      Family::Gauge("agent_exporter_unreadable",
                    "Failed reads in this observation; each can be the reason for a missing sample.");
  Family folded =
      Family::Gauge("agent_exporter_agents_folded", "Agents over the cap, shown as agent=\"other\".");
  Family cpu = Family::Counter("process_cpu_seconds_total", "CPU time of the exporter.");
  Family resident = Family::Gauge("process_resident_memory_bytes", "Resident memory of the exporter.");
  Family virtual_memory = Family::Gauge("process_virtual_memory_bytes", "Virtual memory of the exporter.");
  Family open_fds = Family::Gauge("process_open_fds", "Open file descriptors of the exporter.");
  Family max_fds = Family::Gauge("process_max_fds", "Limit on the exporter's open file descriptors.");
  Family start = Family::Gauge("process_start_time_seconds", "When the exporter started, since the epoch.");

  source.Add({{"source", observation.process_source}}, 1.0);
  events.Add({{"events", observation.process_events}}, 1.0);
  lost.Add({}, observation.events_lost);
  disagreements.Add({}, observation.tracking_disagreements);
  for (const auto& [key, count] : observation.unreadable) {
    unreadable.Add({{"file", key.first}, {"reason", key.second}}, count);
  }
  folded.Add({}, static_cast<double>(observation.agents_folded));
  if (const agents::ProcessSample* self = Self(observation)) {
    cpu.Add({}, static_cast<double>(self->cpu.total_ns()) / 1e9);
    resident.Add({}, self->usage.resident_bytes);
    virtual_memory.Add({}, self->usage.virtual_bytes);
    open_fds.Add({}, self->usage.open_fds);
    max_fds.Add({}, self->limits.open_files);
    start.Add({}, observation.StartTimeSeconds(self->key));
  }
  return Collected(source, events, lost, disagreements, unreadable, folded, cpu, resident, virtual_memory,
                   open_fds, max_fds, start);
}

}  // namespace agent_exporter::collectors

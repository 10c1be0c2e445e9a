// The host's memory: used = total - available.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families host_memory(const agents::Observation& observation) {
  Family total = Family::Gauge("agent_host_memory_total_bytes", "Memory of the host (MemTotal).");
  Family used = Family::Gauge("agent_host_memory_used_bytes", "Memory in use: total minus available.");
  Family available = Family::Gauge("agent_host_memory_available_bytes",
                                   "Memory that programs can get without swapping (MemAvailable).");
  Family oom = Family::Counter("agent_host_oom_kills_total",
                               "Processes that the kernel's OOM killer killed since boot.");
  if (const auto& memory = observation.host.memory) {
    total.Add({}, memory->total);
    used.Add({}, memory->used);
    available.Add({}, memory->available);
  }
  oom.Add({}, observation.host.oom_kills);
  return Collected(total, used, available, oom);
}

}  // namespace agent_exporter::collectors

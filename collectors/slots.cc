// The task slots of a worker: what each slot's own process uses, measured from outside. The series ends with
// the process; a reused slot begins with a CPU ratio of 0.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families slots(const agents::Observation& observation) {
  Family resident =
      Family::Gauge("agent_slot_resident_memory_bytes", "Resident memory of the slot's own process.");
  Family cpu = Family::Gauge("agent_slot_cpu_usage_ratio",
                             "Cores that the slot's own process used over the last tick; 0 in its first.");
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.slot.empty() || Instances(agent) == 0) continue;
    double cores = 0;
    for (const agents::ProcessSample& process : agent.processes) {
      if (IsLiveRoot(process)) cores += process.cpu_ratio;
    }
    cpu.Add(AgentLabels(agent), cores);
    resident.Add(AgentLabels(agent), SumOver(agent, IsRoot, [](const agents::ProcessSample& p) {
                   return p.usage.resident_bytes;
                 }));
  }
  return Collected(resident, cpu);
}

}  // namespace agent_exporter::collectors

// Page faults of each tree. Major faults wait for the disk: the first sign of thrashing.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families page_faults(const agents::Observation& observation) {
  Family faults =
      Family::Counter("agent_page_faults_total", "Page faults of the agent's processes seen alive.");
  for (const agents::AgentSample& agent : observation.agents) {
    faults.Add(AgentLabels(agent, {{"type", "minor"}}), static_cast<double>(agent.counters.minor_faults));
    faults.Add(AgentLabels(agent, {{"type", "major"}}), static_cast<double>(agent.counters.major_faults));
  }
  return Collected(faults);
}

}  // namespace agent_exporter::collectors

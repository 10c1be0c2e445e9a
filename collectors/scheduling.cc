// Context switches of each tree. Many involuntary ones mean that the agent waits for a core.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families scheduling(const agents::Observation& observation) {
  Family switches =
      Family::Counter("agent_context_switches_total",
                      "Context switches of the agent's processes seen alive (their main threads).");
  for (const agents::AgentSample& agent : observation.agents) {
    switches.Add(AgentLabels(agent, {{"type", "voluntary"}}),
                 static_cast<double>(agent.counters.voluntary_switches));
    switches.Add(AgentLabels(agent, {{"type", "involuntary"}}),
                 static_cast<double>(agent.counters.involuntary_switches));
  }
  return Collected(switches);
}

}  // namespace agent_exporter::collectors

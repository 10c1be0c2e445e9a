// Whether an agent is on its way to a limit: slope, time left and how long that has been seen.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families leak(const agents::Observation& observation) {
  Family seconds =
      Family::Gauge("agent_leak_seconds_to_limit",
                    "Time to the tightest limit at the floor's growth; +Inf: no evidence of a leak.");
  Family growth =
      Family::Gauge("agent_leak_growth_per_second",
                    "Robust growth of the floor: fds, bytes or tasks a second; 0: no evidence of a leak.");
  Family span = Family::Gauge("agent_leak_evidence_span_seconds",
                              "How long the floor has been seen to rise; 0: no evidence of a leak.");
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::LeakEvidence& leak : agent.leaks) {
      const Labels labels =
          AgentLabels(agent, {{"scope", Name(leak.scope)}, {"resource", Name(leak.resource)}});
      seconds.Add(labels, leak.seconds_to_limit);
      growth.Add(labels, leak.growth_per_second);
      span.Add(labels, leak.evidence_span_seconds);
    }
  }
  return Collected(seconds, growth, span);
}

}  // namespace agent_exporter::collectors

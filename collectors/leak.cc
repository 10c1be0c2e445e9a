// Evidence of leaks: growth, time until the limit, and how long the growth has lasted.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families leak(const agents::Observation& observation) {
  Family seconds = Family::Gauge(
      "agent_leak_seconds_to_limit",
      "Time until the tightest limit at the growth of the floor; +Inf if there is no evidence of a leak.");
  Family growth = Family::Gauge(
      "agent_leak_growth_per_second",
      "Robust growth of the floor in fds, bytes or tasks per second; 0 if there is no evidence of a leak.");
  Family span = Family::Gauge("agent_leak_evidence_span_seconds",
                              "How long the floor has been rising; 0 if there is no evidence of a leak.");
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

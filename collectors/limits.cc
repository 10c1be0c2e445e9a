// How close each agent is to the limit that it would reach first, and which limit that is.

#include "collectors/family.h"

namespace agent_exporter::collectors {
Families limits(const agents::Observation& observation) {
  Family used = Family::Gauge("agent_resource_used",
                              "Use that counts against the tightest limit: fds, bytes or tasks.");
  Family limit =
      Family::Gauge("agent_resource_limit", "The tightest limit that applies: fds, bytes or tasks.");
  Family ratio = Family::Gauge("agent_resource_used_ratio", "How full the tightest limit is, 0 to 1.");
  Family info = Family::Gauge("agent_resource_limit_info", "Which limit is the tightest.");
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::ResourceUse& use : agent.resources) {
      const Labels labels =
          AgentLabels(agent, {{"scope", Name(use.scope)}, {"resource", Name(use.resource)}});
      used.Add(labels, static_cast<double>(use.used));
      limit.Add(labels, static_cast<double>(use.limit));
      ratio.Add(labels, use.ratio());
      info.Add(AgentLabels(agent, {{"scope", Name(use.scope)},
                                   {"resource", Name(use.resource)},
                                   {"source", Name(use.source)}}),
               1.0);
    }
  }
  return Collected(used, limit, ratio, info);
}

}  // namespace agent_exporter::collectors

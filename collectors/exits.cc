// How the agents' roots ended (spec.md D).

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families exits(const agents::Observation& observation) {
  Family exits = Family::Counter("agent_exits_total",
                                 "Roots that ended, by category: success, sigterm, killed, oom-host, "
                                 "oom-heap, plugin-error, unknown; unobserved: nobody told how.");
  Family ratio =
      Family::Gauge("agent_last_exit_resource_used_ratio",
                    "How full the tightest limit was when the root that ended last was last seen.");
  Family time =
      Family::Gauge("agent_last_exit_timestamp_seconds", "When a root was last seen to have ended.");
  for (const agents::AgentSample& agent : observation.agents) {
    // From 0 on: increase() does not see a counter that is born as 1.
    for (const agents::ExitCategory category : agents::kExitCategories) {
      const auto found = agent.counters.exits.find(category);
      const uint64_t count = found == agent.counters.exits.end() ? 0 : found->second;
      exits.Add(AgentLabels(agent, {{"category", std::string(agents::ExitCategoryName(category))}}), count);
    }
    if (!agent.last_exit) continue;
    for (const auto& [resource, used] : agent.last_exit->used_ratio) {
      ratio.Add(AgentLabels(agent, {{"resource", Name(resource)}}), used);
    }
    time.Add(AgentLabels(agent), agent.last_exit->wall_seconds);
  }
  return Collected(exits, ratio, time);
}

}  // namespace agent_exporter::collectors

// How the agents' roots ended.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families exits(const agents::Observation& observation) {
  Family exits =
      Family::Counter("agent_exits_total",
                      "Roots that ended, by category: success, sigterm, killed, oom-host, oom-heap, "
                      "plugin-error, unknown, or unobserved if the exit was not seen.");
  Family ratio =
      Family::Gauge("agent_last_exit_resource_used_ratio",
                    "How full the tightest limit was at the last sample of the root that ended last.");
  Family time =
      Family::Gauge("agent_last_exit_timestamp_seconds", "When the exporter last saw that a root had ended.");
  for (const agents::AgentSample& agent : observation.agents) {
    // Start every category at 0: increase() misses a counter whose first value is 1.
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

// Resident memory by type. anon is what a leak grows; file can be dropped by the kernel at any time.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families memory(const Observation& observation) {
  Family bytes = Family::Gauge("agent_memory_bytes",
                               "Memory by type; scope self is the roots, tree the roots and all below.");
  struct Type {
    const char* name;
    std::optional<uint64_t> ProcessUsage::* figure;
  };
  static constexpr Type kTypes[] = {{"anon", &ProcessUsage::anon_bytes},
                                    {"file", &ProcessUsage::file_bytes},
                                    {"shmem", &ProcessUsage::shmem_bytes},
                                    {"swap", &ProcessUsage::swap_bytes}};
  for (const AgentSample& agent : observation.agents) {
    if (agent.processes.empty()) continue;
    for (const Type& type : kTypes) {
      const auto figure = [&](const ProcessSample& p) { return p.usage.*type.figure; };
      if (Instances(agent) > 0) {
        bytes.Add(AgentLabels(agent, {{"type", type.name}, {"scope", "self"}}),
                  SumOver(agent, IsRoot, figure));
      }
      bytes.Add(AgentLabels(agent, {{"type", type.name}, {"scope", "tree"}}),
                SumOver(agent, [](const ProcessSample&) { return true; }, figure));
    }
  }
  return Collected(bytes);
}

}  // namespace agent_exporter::collectors

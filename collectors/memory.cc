// Resident memory by type. A leak grows anon; the kernel can drop file at any time.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families memory(const agents::Observation& observation) {
  Family bytes =
      Family::Gauge("agent_memory_bytes",
                    "Memory by type; scope self is the roots, tree is the roots and everything below them.");
  struct Type {
    const char* name;
    std::optional<uint64_t> kernel::ProcessUsage::* figure;
  };
  static constexpr Type kTypes[] = {{"anon", &kernel::ProcessUsage::anon_bytes},
                                    {"file", &kernel::ProcessUsage::file_bytes},
                                    {"shmem", &kernel::ProcessUsage::shmem_bytes},
                                    {"swap", &kernel::ProcessUsage::swap_bytes}};
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.processes.empty()) continue;
    for (const Type& type : kTypes) {
      const auto figure = [&](const agents::ProcessSample& p) { return p.usage.*type.figure; };
      if (Instances(agent) > 0) {
        bytes.Add(AgentLabels(agent, {{"type", type.name}, {"scope", "self"}}),
                  SumOver(agent, IsRoot, figure));
      }
      bytes.Add(AgentLabels(agent, {{"type", type.name}, {"scope", "tree"}}),
                SumOver(agent, [](const agents::ProcessSample&) { return true; }, figure));
    }
  }
  return Collected(bytes);
}

}  // namespace agent_exporter::collectors

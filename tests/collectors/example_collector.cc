// The largest process of each agent's tree: one process of 8 GiB is another story than eighty of 100 MiB.

#include <algorithm>
#include <optional>

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families largest_process(const agents::Observation& observation) {
  Family largest = Family::Gauge("agent_largest_process_resident_memory_bytes",
                                 "Resident memory of the largest process of the tree.");
  for (const agents::AgentSample& agent : observation.agents) {
    std::optional<uint64_t> bytes;  // stays empty where nothing runs: then there is no sample, not a 0
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.state == 'Z') continue;  // a zombie has no memory
      bytes = process.usage.resident_bytes ? std::max(bytes, process.usage.resident_bytes) : std::nullopt;
      if (!bytes) break;  // could not be read, so which one is the largest is unknown
    }
    largest.Add(AgentLabels(agent), bytes);
  }
  return Collected(largest);
}

}  // namespace agent_exporter::collectors

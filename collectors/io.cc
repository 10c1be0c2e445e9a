// Storage bytes read and written by each tree. /proc/<pid>/io needs ptrace access; if it cannot be read for
// one process, the sum is absent.

#include <algorithm>

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families io(const agents::Observation& observation) {
  Family bytes =
      Family::Counter("agent_io_bytes_total", "Bytes the agent's processes read from and wrote to storage.");
  for (const agents::AgentSample& agent : observation.agents) {
    const auto readable = [](const agents::ProcessSample& p, auto figure) {
      return p.state == 'Z' || (p.usage.*figure).has_value();
    };
    for (const bool self : {true, false}) {
      const agents::AgentCounters::Io& io = self ? agent.counters.self_io : agent.counters.tree_io;
      const bool known =
          std::all_of(agent.processes.begin(), agent.processes.end(), [&](const agents::ProcessSample& p) {
            return (self && !IsRoot(p)) || readable(p, &kernel::ProcessUsage::io_read_bytes);
          });
      if (!known) continue;
      const char* scope = self ? "self" : "tree";
      bytes.Add(AgentLabels(agent, {{"direction", "read"}, {"scope", scope}}),
                static_cast<double>(io.read_bytes));
      bytes.Add(AgentLabels(agent, {{"direction", "write"}, {"scope", scope}}),
                static_cast<double>(io.write_bytes));
    }
  }
  return Collected(bytes);
}

}  // namespace agent_exporter::collectors

// Finds parts of an AgentSample.
//
// Thread safety: pure functions. Ownership: the results belong to `agent`.

#ifndef AGENT_EXPORTER_AGENTS_SAMPLE_LOOKUP_H_
#define AGENT_EXPORTER_AGENTS_SAMPLE_LOOKUP_H_

#include <algorithm>

#include "agents/observation.h"

namespace agent_exporter::agents {

// Null if `key` is no process (as the holder of a tree's sum) or the process is gone.
inline const ProcessSample* FindProcess(const AgentSample& agent, const kernel::ProcessKey& key) {
  if (key.pid == 0) return nullptr;
  const auto found = std::find_if(agent.processes.begin(), agent.processes.end(),
                                  [&key](const ProcessSample& process) { return process.key == key; });
  return found == agent.processes.end() ? nullptr : &*found;
}

// The fullest of all its limits; null if none is known.
inline const ResourceUse* FullestLimit(const AgentSample& agent) {
  const auto fullest =
      std::max_element(agent.resources.begin(), agent.resources.end(),
                       [](const ResourceUse& a, const ResourceUse& b) { return a.ratio() < b.ratio(); });
  return fullest == agent.resources.end() ? nullptr : &*fullest;
}

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_SAMPLE_LOOKUP_H_

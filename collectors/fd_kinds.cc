// What the descriptors of agents are that are short of them: a thousand pipes are another bug than a thousand
// sockets.

#include <array>
#include <optional>

#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

using Counts = std::array<uint64_t, kernel::kDescriptorKinds>;

// Over the tree. Empty unless all descriptors were looked at.
std::optional<Counts> Sum(const agents::AgentSample& agent) {
  Counts sum{};
  bool any = false;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.state == 'Z') continue;
    if (process.descriptors == nullptr || !process.descriptors->whole) return std::nullopt;
    any = true;
    for (size_t kind = 0; kind < sum.size(); ++kind) sum[kind] += process.descriptors->counts[kind];
  }
  return any ? std::optional(sum) : std::nullopt;
}

}  // namespace

Families fd_kinds(const agents::Observation& observation) {
  Family fds = Family::Gauge("agent_open_fds_by_kind",
                             "Open file descriptors of the tree by what they are; only while one of its "
                             "tables is above half full or they leak.");
  for (const agents::AgentSample& agent : observation.agents) {
    const std::optional<Counts> sum = Sum(agent);
    for (size_t kind = 0; sum && kind < sum->size(); ++kind) {
      if ((*sum)[kind] == 0) continue;
      // Not `kind`: that is the agent's.
      const char* const name = kernel::Name(static_cast<kernel::DescriptorKind>(kind));
      fds.Add(AgentLabels(agent, {{"fd_kind", name}}), (*sum)[kind]);
    }
  }
  return Collected(fds);
}

}  // namespace agent_exporter::collectors

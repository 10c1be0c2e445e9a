#include "agents/descriptor_look.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace agent_exporter::agents {
namespace {

double Fullness(const ProcessSample& process) {
  const uint64_t limit = process.limits.open_files.value_or(0);
  const auto used = static_cast<double>(process.usage.open_fds.value_or(0));
  return limit == 0 ? 0 : used / static_cast<double>(limit);
}

bool IsShort(const AgentSample& agent) {
  const bool leaks = std::any_of(agent.leaks.begin(), agent.leaks.end(), [](const LeakEvidence& leak) {
    return leak.resource == ResourceUse::Resource::kFds;
  });
  return leaks || std::any_of(agent.processes.begin(), agent.processes.end(),
                              [](const ProcessSample& process) { return Fullness(process) > 0.5; });
}

}  // namespace

void LookAtDescriptors(kernel::ProcessFiles& files, Observation& observation) {
  std::vector<ProcessSample*> processes;
  for (AgentSample& agent : observation.agents) {
    if (!IsShort(agent)) continue;
    for (ProcessSample& process : agent.processes) {
      if (process.state != 'Z' && process.usage.open_fds) processes.push_back(&process);
    }
  }
  std::stable_sort(processes.begin(), processes.end(), [](const ProcessSample* a, const ProcessSample* b) {
    return Fullness(*a) > Fullness(*b);
  });
  kernel::Unreadable unreadable;
  size_t left = kLinksALook;
  for (ProcessSample* const process : processes) {
    if (left == 0) break;
    const auto open = files.Descriptors(process->key, left);
    if (open.ok()) {
      process->descriptors = std::make_shared<const kernel::DescriptorKinds>(*open);
      left -= open->list.size();
    } else if (!absl::IsNotFound(open.status())) {
      unreadable.Count("fd", open.status());
    }
  }
  for (const auto& [what, count] : unreadable.counts()) observation.unreadable[what] += count;
}

}  // namespace agent_exporter::agents

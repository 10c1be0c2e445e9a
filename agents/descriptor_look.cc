#include "agents/descriptor_look.h"

#include <algorithm>
#include <tuple>
#include <utility>
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

size_t DescriptorLook::Read(kernel::ProcessFiles& files, const kernel::ProcessKey& key, size_t most,
                            Table& table, kernel::Unreadable& unreadable) const {
  const auto open = files.Descriptors(key, most, table.next_fd);
  if (!open.ok()) {
    if (!absl::IsNotFound(open.status())) unreadable.Count("fd", open.status());
    table.kinds = nullptr;
    return 0;
  }
  table.counted.Add(*open);
  if (open->whole) {
    table.kinds = std::make_shared<const kernel::DescriptorKinds>(table.counted);
    table.counted = {};
    table.next_fd = 0;
    table.ended = tick_;
  } else {
    if (table.ended == 0) table.kinds = std::make_shared<const kernel::DescriptorKinds>(table.counted);
    table.next_fd = open->list.back().fd + 1;
  }
  return open->list.size();
}

void DescriptorLook::Look(kernel::ProcessFiles& files, bool tick, Observation& observation) {
  if (tick) ++tick_;
  std::vector<std::pair<ProcessSample*, Table*>> wanted;
  for (AgentSample& agent : observation.agents) {
    if (!IsShort(agent)) continue;
    for (ProcessSample& process : agent.processes) {
      if (process.state == 'Z' || !process.usage.open_fds) continue;
      if (tick) tables_[process.key].wanted = tick_;
      const auto table = tables_.find(process.key);
      if (table != tables_.end()) wanted.emplace_back(&process, &table->second);
    }
  }
  if (tick) {
    std::erase_if(tables_, [this](const auto& entry) { return entry.second.wanted != tick_; });
    // Those that wait longest, of them the fullest.
    std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
      return std::tuple(a.second->ended, -Fullness(*a.first)) <
             std::tuple(b.second->ended, -Fullness(*b.first));
    });
    kernel::Unreadable unreadable;
    size_t left = kLinksATick;
    for (const auto& [process, table] : wanted) {
      if (left == 0) break;
      left -= Read(files, process->key, left, *table, unreadable);
    }
    for (const auto& [what, count] : unreadable.counts()) observation.unreadable[what] += count;
  }
  for (const auto& [process, table] : wanted) process->descriptors = table->kinds;
}

}  // namespace agent_exporter::agents

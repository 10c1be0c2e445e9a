// Metrics per process for the busiest processes of each agent. The others are summed, so the number of series
// is bounded.

#include <algorithm>
#include <string>
#include <tuple>

#include "base/label_value.h"
#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

constexpr size_t kTopProcesses = 20;

// Roots come first, then the processes with the most CPU, then with the most memory.
bool Busier(const agents::ProcessSample* a, const agents::ProcessSample* b) {
  const auto rank = [](const agents::ProcessSample* p) {
    return std::tuple(IsRoot(*p), p->cpu_ratio, p->usage.resident_bytes.value_or(0), -p->key.pid);
  };
  return rank(a) > rank(b);
}

}  // namespace

Families pid_cpu(const agents::Observation& observation) {
  Family ratio = Family::Gauge("agent_process_cpu_usage_ratio",
                               "CPU use over the sampler's last tick; 1 is one full core.");
  Family resident = Family::Gauge("agent_process_resident_memory_bytes", "Resident memory of one process.");
  Family open_fds = Family::Gauge("agent_process_open_fds", "Open file descriptors of one process.");

  for (const agents::AgentSample& agent : observation.agents) {
    std::vector<const agents::ProcessSample*> processes;
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.state != 'Z') processes.push_back(&process);
    }
    const size_t shown = std::min(processes.size(), kTopProcesses);
    std::partial_sort(processes.begin(), processes.begin() + static_cast<ptrdiff_t>(shown), processes.end(),
                      Busier);
    for (size_t i = 0; i < shown; ++i) {
      const agents::ProcessSample& process = *processes[i];
      const Labels labels = AgentLabels(
          agent, {{"pid", std::to_string(process.key.pid)}, {"comm", base::LabelValue(process.comm)}});
      ratio.Add(labels, process.cpu_ratio);
      resident.Add(labels, process.usage.resident_bytes);
      open_fds.Add(labels, process.usage.open_fds);
    }
    if (shown == processes.size()) continue;

    double other_ratio = 0;
    agents::CompleteSum other_resident, other_fds;
    for (size_t i = shown; i < processes.size(); ++i) {
      other_ratio += processes[i]->cpu_ratio;
      other_resident.Add(processes[i]->usage.resident_bytes);
      other_fds.Add(processes[i]->usage.open_fds);
    }
    const Labels other = AgentLabels(agent, {{"pid", "other"}, {"comm", "other"}});
    ratio.Add(other, other_ratio);
    resident.Add(other, other_resident.value());
    open_fds.Add(other, other_fds.value());
  }
  return Collected(ratio, resident, open_fds);
}

}  // namespace agent_exporter::collectors

#include "collectors/family.h"

#include <algorithm>

namespace agent_exporter::collectors {

Family& Family::Add(Labels labels, double value) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  if (family_.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return *this;
}

Labels AgentLabels(const agents::AgentSample& agent, Labels more) {
  Labels labels;
  labels.reserve(3 + more.size());
  labels.push_back({"agent", agent.name});
  if (!agent.kind.empty()) labels.push_back({"kind", agent.kind});
  if (!agent.slot.empty()) labels.push_back({"slot", agent.slot});
  for (Label& label : more) labels.push_back(std::move(label));
  return labels;
}

void AddCpu(Family& family, const agents::AgentSample& agent, const kernel::CpuTimes& cpu) {
  family.Add(AgentLabels(agent, {{"mode", "user"}}), static_cast<double>(cpu.user_ns) / 1e9);
  family.Add(AgentLabels(agent, {{"mode", "system"}}), static_cast<double>(cpu.system_ns) / 1e9);
}

uint64_t Instances(const agents::AgentSample& agent) {
  return static_cast<uint64_t>(std::count_if(
      agent.processes.begin(), agent.processes.end(),
      [](const agents::ProcessSample& process) { return IsLiveRoot(process) && !process.inner; }));
}

}  // namespace agent_exporter::collectors

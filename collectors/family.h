// Helpers for building metric families in a collector.
//
// Thread safety: values.

#ifndef AGENT_EXPORTER_COLLECTORS_FAMILY_H_
#define AGENT_EXPORTER_COLLECTORS_FAMILY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/complete_sum.h"
#include "agents/observation.h"
#include "agents/resource_names.h"  // label values of scope, resource and source
#include "collectors/collector.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace agent_exporter::collectors {

using Label = prometheus::ClientMetric::Label;
using Labels = std::vector<Label>;

// Builds one family. Add() with an empty optional adds no sample: what could not be read stays absent.
class Family {
 public:
  static Family Gauge(std::string name, std::string help) {
    return Family(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  }
  // `name` ends in _total.
  static Family Counter(std::string name, std::string help) {
    return Family(std::move(name), std::move(help), prometheus::MetricType::Counter);
  }

  Family& Add(Labels labels, double value);
  Family& Add(Labels labels, uint64_t value) { return Add(std::move(labels), static_cast<double>(value)); }
  Family& Add(Labels labels, std::optional<uint64_t> value) {
    if (value) Add(std::move(labels), static_cast<double>(*value));
    return *this;
  }

  prometheus::MetricFamily& get() { return family_; }

 private:
  Family(std::string name, std::string help, prometheus::MetricType type) {
    family_.name = std::move(name);
    family_.help = std::move(help);
    family_.type = type;
  }
  prometheus::MetricFamily family_;
};

// Returns the families that have samples, in order.
template <typename... F>
Families Collected(F&&... families) {
  Families result;
  ((families.get().metric.empty() ? void() : result.push_back(std::move(families.get()))), ...);
  return result;
}

// The label agent, kind and slot if the rule sets them, then `more`.
Labels AgentLabels(const agents::AgentSample& agent, Labels more = {});

// Adds two samples, mode="user" and mode="system", in seconds.
void AddCpu(Family& family, const agents::AgentSample& agent, const kernel::CpuTimes& cpu);

// Sums a figure over the processes that `pick` accepts. Empty if it could not be read for one of them: a
// partial sum would look like the whole. Skips zombies, which have neither memory nor descriptors.
template <typename Pick, typename Figure>
std::optional<uint64_t> SumOver(const agents::AgentSample& agent, Pick pick, Figure figure) {
  agents::CompleteSum sum;
  for (const agents::ProcessSample& process : agent.processes) {
    if (pick(process) && process.state != 'Z') sum.Add(figure(process));
  }
  return sum.value();
}

inline bool IsRoot(const agents::ProcessSample& process) { return process.role == agents::Role::kRoot; }
inline bool IsDescendant(const agents::ProcessSample& process) {
  return process.role == agents::Role::kDescendant;
}
inline bool IsLiveRoot(const agents::ProcessSample& process) {
  return IsRoot(process) && process.state != 'Z';
}

// How many live roots `agent` has.
uint64_t Instances(const agents::AgentSample& agent);

}  // namespace agent_exporter::collectors

#endif  // AGENT_EXPORTER_COLLECTORS_FAMILY_H_

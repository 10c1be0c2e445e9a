// Builds observations from literals, and runs collectors on them.

#ifndef AGENT_EXPORTER_TESTS_COLLECTORS_OBSERVATION_BUILDER_H_
#define AGENT_EXPORTER_TESTS_COLLECTORS_OBSERVATION_BUILDER_H_

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/observation.h"
#include "collectors/collector.h"

namespace agent_exporter::collectors {

inline agents::ProcessSample MakeProcess(pid_t pid, agents::Role role, char state = 'S') {
  agents::ProcessSample process;
  process.key = {pid, 1000};
  process.comm = role == agents::Role::kRoot ? "codex" : "git";
  process.role = role;
  process.direct_child = role == agents::Role::kDescendant;
  process.state = state;
  process.threads = 1;
  return process;
}

// A process with all figures. Each is its pid times a round number, so that a sum shows which processes it
// includes.
inline agents::ProcessSample MakeReadable(pid_t pid, agents::Role role) {
  agents::ProcessSample process = MakeProcess(pid, role);
  const auto n = static_cast<uint64_t>(pid);
  process.age_seconds = 10.0 * pid;
  process.cpu_ratio = 0.01 * pid;
  process.usage = {.resident_bytes = n * 1000,
                   .virtual_bytes = n * 10000,
                   .anon_bytes = n * 400,
                   .file_bytes = n * 300,
                   .shmem_bytes = n * 200,
                   .swap_bytes = n * 100,
                   .open_fds = n,
                   .io_read_bytes = n,
                   .io_write_bytes = n,
                   .voluntary_switches = n,
                   .involuntary_switches = n};
  process.limits = {.open_files = 1024};
  process.limits_known = true;
  return process;
}

inline agents::AgentSample MakeAgent(std::string name, std::vector<agents::ProcessSample> processes = {}) {
  agents::AgentSample agent;
  agent.name = std::move(name);
  agent.processes = std::move(processes);
  return agent;
}

inline agents::Observation MakeObservation(std::vector<agents::AgentSample> agents = {}) {
  agents::Observation observation;
  observation.wall_seconds = 1'700'000'100;
  observation.boot_time_seconds = 1'700'000'000;
  observation.clock_ticks = 100;
  observation.process_source = "procfs";
  observation.process_events = "none";
  observation.agents = std::move(agents);
  return observation;
}

// Samples by their names in an exposition: agent_up{agent="codex"} -> 1.
using Samples = std::map<std::string, double>;

inline Samples SamplesOf(const Families& families) {
  Samples samples;
  for (const prometheus::MetricFamily& family : families) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string labels;
      for (const auto& label : metric.label) {
        labels += (labels.empty() ? "" : ",") + label.name + "=\"" + label.value + "\"";
      }
      const std::string name = labels.empty() ? family.name : family.name + "{" + labels + "}";
      const bool counter = family.type == prometheus::MetricType::Counter;
      if (!samples.emplace(name, counter ? metric.counter.value : metric.gauge.value).second) {
        throw std::logic_error("twice in one scrape: " + name);
      }
    }
  }
  return samples;
}

// The samples of the collector with that name.
inline Samples Collect(std::string_view collector, const agents::Observation& observation) {
  for (const CollectorRow& row : CollectorTable()) {
    if (row.name == collector) return SamplesOf(row.collect(observation));
  }
  throw std::invalid_argument("no such collector");
}

}  // namespace agent_exporter::collectors

#endif  // AGENT_EXPORTER_TESTS_COLLECTORS_OBSERVATION_BUILDER_H_

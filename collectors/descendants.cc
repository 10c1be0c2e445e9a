// The processes below the agents. A leak in a child does not show in the parent's own figures.

#include <algorithm>
#include <array>
#include <string_view>

#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"running", "sleeping", "blocked", "stopped", "zombie"};

// The index in kStates of a state letter (proc(5)).
size_t StateIndex(char state) {
  switch (state) {
    case 'R':
      return 0;
    case 'D':
      return 2;
    case 'T':
    case 't':
      return 3;
    case 'Z':
    case 'X':
      return 4;
    default:
      return 1;  // S, and I for idle
  }
}

bool IsChild(const agents::ProcessSample& process) { return process.direct_child; }
bool IsOrphan(const agents::ProcessSample& process) { return process.orphan; }

}  // namespace

Families descendants(const agents::Observation& observation) {
  Family children = Family::Gauge("agent_children", "Live direct children of the roots.");
  Family children_fds =
      Family::Gauge("agent_children_open_fds", "Open file descriptors over the direct children.");
  Family tree = Family::Gauge("agent_descendants", "Processes below the roots, the whole tree, by state.");
  Family fds = Family::Gauge("agent_descendants_open_fds", "Open file descriptors below the roots.");
  Family resident =
      Family::Gauge("agent_descendants_resident_memory_bytes", "Resident memory below the roots.");
  Family threads = Family::Gauge("agent_descendants_threads", "Live threads below the roots.");
  Family cpu = Family::Counter(
      "agent_descendants_cpu_seconds_total",
      "CPU time below the roots, including children that started and ended between two samples.");
  Family started =
      Family::Counter("agent_descendants_started_total",
                      "Processes started below the roots; without events, only those seen alive.");
  Family exited = Family::Counter("agent_descendants_exited_total",
                                  "Processes ended below the roots; without events, only those seen alive.");
  Family orphans =
      Family::Gauge("agent_orphans", "Descendants whose parent died; still counted for this agent.");
  Family orphans_resident =
      Family::Gauge("agent_orphans_resident_memory_bytes", "Resident memory of the orphans.");
  Family oldest = Family::Gauge("agent_oldest_descendant_age_seconds", "Age of the oldest live descendant.");

  Family most = Family::Gauge("agent_descendants_max", "Most processes below the roots in the last 60 s.");

  const auto rss = [](const agents::ProcessSample& p) { return p.usage.resident_bytes; };
  const auto open_fds = [](const agents::ProcessSample& p) { return p.usage.open_fds; };
  for (const agents::AgentSample& agent : observation.agents) {
    const Labels labels = AgentLabels(agent);
    AddCpu(cpu, agent, agent.counters.descendants_cpu);
    started.Add(labels, static_cast<double>(agent.counters.descendants_started));
    for (const auto& [reason, count] : agent.counters.descendants_exited) {
      exited.Add(AgentLabels(agent, {{"reason", reason}}), static_cast<double>(count));
    }
    most.Add(labels, agent.descendants_max);
    if (agent.processes.empty()) continue;

    std::array<uint64_t, kStates.size()> by_state{};
    uint64_t direct = 0, orphaned = 0;
    double oldest_age = -1;
    for (const agents::ProcessSample& process : agent.processes) {
      if (!IsDescendant(process)) continue;
      ++by_state[StateIndex(process.state)];
      if (process.state == 'Z') continue;
      direct += IsChild(process) ? 1 : 0;
      orphaned += IsOrphan(process) ? 1 : 0;
      oldest_age = std::max(oldest_age, process.age_seconds);
    }
    children.Add(labels, static_cast<double>(direct));
    children_fds.Add(labels, SumOver(agent, IsChild, open_fds));
    for (size_t i = 0; i < kStates.size(); ++i) {
      tree.Add(AgentLabels(agent, {{"state", std::string(kStates[i])}}), static_cast<double>(by_state[i]));
    }
    fds.Add(labels, SumOver(agent, IsDescendant, open_fds));
    resident.Add(labels, SumOver(agent, IsDescendant, rss));
    threads.Add(labels, SumOver(agent, IsDescendant, [](const agents::ProcessSample& p) {
                  return std::optional<uint64_t>(p.threads);
                }));
    orphans.Add(labels, static_cast<double>(orphaned));
    orphans_resident.Add(labels, SumOver(agent, IsOrphan, rss));
    if (oldest_age >= 0) oldest.Add(labels, oldest_age);
  }
  return Collected(children, children_fds, tree, fds, resident, threads, cpu, started, exited, orphans,
                   orphans_resident, oldest, most);
}

}  // namespace agent_exporter::collectors

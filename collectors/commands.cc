// The cost of each agent's descendants by command: git, rg, mcp-server.cjs, …

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "agents/complete_sum.h"
#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

constexpr uint64_t kCopies = 3;  // fewer do not pile up

// The live processes of one command.
struct Living {
  uint64_t processes = 0, orphans = 0;
  double oldest = 0;  // since the epoch; 0: none yet
  agents::CompleteSum resident;
};

}  // namespace

Families commands(const agents::Observation& observation) {
  Family cpu = Family::Counter("agent_command_cpu_seconds_total",
                               "CPU time of the agent's descendants by command, living and dead.");
  Family started =
      Family::Counter("agent_command_started_total", "Times that a descendant started this command.");
  Family failed = Family::Counter("agent_command_failed_total",
                                  "Times that it ended with another exit code than 0, or by a signal.");
  Family resident = Family::Gauge("agent_command_resident_memory_bytes",
                                  "Resident memory of the command's live processes.");
  Family processes = Family::Gauge("agent_command_processes", "Live processes of the command.");
  Family orphans = Family::Gauge("agent_command_orphans",
                                 "Those of them whose parent died, still counted for this agent.");
  Family oldest = Family::Gauge("agent_command_oldest_start_time_seconds",
                                "When the oldest live process of the command started, since the epoch; only "
                                "of commands with three or more.");
  for (const agents::AgentSample& agent : observation.agents) {
    std::set<std::string> named;
    for (const agents::CommandUse& use : agent.commands) named.insert(use.command);
    std::map<std::string, Living> living;
    for (const agents::ProcessSample& process : agent.processes) {
      if (!IsDescendant(process) || process.state == 'Z') continue;
      Living& of = living[named.contains(process.command) ? process.command : agents::kOtherCommands];
      ++of.processes;
      of.orphans += process.orphan ? 1 : 0;
      of.resident.Add(process.usage.resident_bytes);
      const double since = observation.StartTimeSeconds(process.key);
      of.oldest = of.oldest == 0 ? since : std::min(of.oldest, since);
    }
    for (const agents::CommandUse& use : agent.commands) {
      const Labels labels = AgentLabels(agent, {{"command", use.command}});
      cpu.Add(labels, static_cast<double>(use.cpu_ns) / 1e9);
      started.Add(labels, use.started);
      failed.Add(labels, use.failed);
    }
    for (const auto& [command, of] : living) {
      const Labels labels = AgentLabels(agent, {{"command", command}});
      resident.Add(labels, of.resident.value());
      processes.Add(labels, of.processes);
      if (of.orphans > 0) orphans.Add(labels, of.orphans);
      if (of.processes >= kCopies && command != agents::kOtherCommands) oldest.Add(labels, of.oldest);
    }
  }
  return Collected(cpu, started, failed, resident, processes, orphans, oldest);
}

}  // namespace agent_exporter::collectors

// The cost of each agent's descendants by command: git, rg, mcp-server.cjs, …

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "agents/complete_sum.h"
#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

// The live processes of one command.
struct Living {
  uint64_t processes = 0, orphans = 0;
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
    }
  }
  return Collected(cpu, started, failed, resident, processes, orphans);
}

}  // namespace agent_exporter::collectors

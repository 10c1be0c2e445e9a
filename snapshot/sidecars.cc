#include "snapshot/sidecars.h"

#include <signal.h>

#include <cerrno>

#include "base/pidfile.h"
#include "kernel/process_threads.h"

namespace agent_exporter::snapshot {
namespace {

std::optional<pid_t> OldestRoot(const std::vector<agents::ProcessSample>& processes) {
  const agents::ProcessSample* oldest = nullptr;
  for (const agents::ProcessSample& process : processes) {
    if (process.role != agents::Role::kRoot || process.state == 'Z') continue;
    if (oldest == nullptr || process.key.start_ticks < oldest->key.start_ticks) oldest = &process;
  }
  return oldest == nullptr ? std::nullopt : std::optional(oldest->key.pid);
}

std::optional<pid_t> NewestCalled(const std::string& comm,
                                  const std::vector<agents::ProcessSample>& processes) {
  const agents::ProcessSample* newest = nullptr;
  for (const agents::ProcessSample& process : processes) {
    if (process.state == 'Z' || process.comm != comm.substr(0, kernel::kCommBytes)) continue;
    if (newest == nullptr || process.key.start_ticks >= newest->key.start_ticks) newest = &process;
  }
  return newest == nullptr ? std::nullopt : std::optional(newest->key.pid);
}

std::optional<pid_t> FindProcess(const SidecarOptions& options, const agents::Observation& observation,
                                 const std::vector<agents::ProcessSample>& processes) {
  if (options.pid) return options.pid;
  if (!options.pidfile.empty()) return base::ReadPidfile(options.pidfile);
  if (!options.comm.empty()) return NewestCalled(options.comm, processes);
  if (options.agent.empty()) return OldestRoot(processes);  // a thread of the agent itself
  std::vector<agents::ProcessSample> roots;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name == options.agent)
      roots.insert(roots.end(), agent.processes.begin(), agent.processes.end());
  }
  return OldestRoot(roots);
}

}  // namespace

bool IsAlive(pid_t pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

std::vector<Sidecar> CheckSidecars(const std::vector<SidecarOptions>& options,
                                   const agents::Observation& observation,
                                   const std::vector<agents::ProcessSample>& processes,
                                   const kernel::RootedReader& proc) {
  std::vector<Sidecar> sidecars;
  for (const SidecarOptions& option : options) {
    Sidecar& sidecar = sidecars.emplace_back();
    sidecar.name = option.name;
    sidecar.is_thread = !option.thread.empty();
    sidecar.pid = FindProcess(option, observation, processes);
    if (sidecar.pid && sidecar.is_thread) {
      sidecar.pid = kernel::FindThread(proc, *sidecar.pid, option.thread).value_or(std::nullopt);
    }
    sidecar.alive = sidecar.pid && IsAlive(*sidecar.pid);
  }
  return sidecars;
}

}  // namespace agent_exporter::snapshot

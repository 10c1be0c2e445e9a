// How many more tasks the host can start. pid_max limits tasks (threads), so the ratio of processes to
// pid_max is too optimistic. It is well known, so it is shown next to the real headroom.

#include <algorithm>

#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

uint64_t Headroom(uint64_t limit, uint64_t used) { return limit > used ? limit - used : 0; }

}  // namespace

Families fork_pressure(const agents::Observation& observation) {
  const kernel::HostSample& host = observation.host;
  Family processes = Family::Gauge("agent_host_processes", "Processes on the host.");
  Family threads = Family::Gauge("agent_host_threads", "Threads on the host, kernel threads included.");
  Family pid_max = Family::Gauge("agent_host_pid_max", "Maximum number of tasks (kernel.pid_max).");
  Family threads_max =
      Family::Gauge("agent_host_threads_max", "Maximum number of tasks (kernel.threads-max).");
  Family ratio = Family::Gauge("agent_host_fork_pressure_ratio", "Processes divided by pid_max, 0 to 1.");
  Family headroom = Family::Gauge("agent_host_fork_headroom_tasks",
                                  "Tasks that can still start under a limit; cgroup_pids is per agent.");
  processes.Add({}, host.processes);
  pid_max.Add({}, host.pid_max);
  threads_max.Add({}, host.threads_max);
  if (host.processes && host.pid_max && *host.pid_max > 0) {
    ratio.Add({}, static_cast<double>(*host.processes) / static_cast<double>(*host.pid_max));
  }
  if (host.load) {
    const uint64_t tasks = host.load->threads;
    threads.Add({}, tasks);
    if (host.pid_max) headroom.Add({{"limit", "pid_max"}}, Headroom(*host.pid_max, tasks));
    if (host.threads_max) headroom.Add({{"limit", "threads_max"}}, Headroom(*host.threads_max, tasks));
  }
  for (const agents::AgentSample& agent : observation.agents) {
    headroom.Add(AgentLabels(agent, {{"limit", "cgroup_pids"}}), agent.cgroup_pids_headroom);
  }
  return Collected(processes, threads, pid_max, threads_max, ratio, headroom);
}

}  // namespace agent_exporter::collectors

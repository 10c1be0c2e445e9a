// Checks whether an agent's helpers run.
//
// Thread safety: a free function; reads pidfiles and, for threads, /proc through kernel/.

#ifndef AGENT_EXPORTER_SNAPSHOT_SIDECARS_H_
#define AGENT_EXPORTER_SNAPSHOT_SIDECARS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agents/observation.h"
#include "kernel/rooted_reader.h"
#include "snapshot/options.h"

namespace agent_exporter::snapshot {

struct Sidecar {
  std::string name;
  bool is_thread = false;
  std::optional<pid_t> pid;  // a thread's tid
  bool alive = false;        // without a pid: dead

  const char* kind() const { return is_thread ? "thread" : "process"; }
};

// kill(pid, 0): EPERM is alive, ESRCH dead.
bool IsAlive(pid_t pid);

// `processes` are the agent's own, from the same observation.
std::vector<Sidecar> CheckSidecars(const std::vector<SidecarOptions>& options,
                                   const agents::Observation& observation,
                                   const std::vector<agents::ProcessSample>& processes,
                                   const kernel::RootedReader& proc);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_SIDECARS_H_

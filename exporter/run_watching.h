// How `run` has its task watched: by a serve on this host that takes the slot over, by a sampler of its own
// (with /metrics where asked for), or not at all. A task runs whether or not it can be watched.
//
// Thread safety: one thread uses it.

#ifndef AGENT_EXPORTER_EXPORTER_RUN_WATCHING_H_
#define AGENT_EXPORTER_EXPORTER_RUN_WATCHING_H_

#include <memory>

#include "exporter/options.h"
#include "run/attend.h"
#include "run/slot_messages.h"

namespace agent_exporter {

class RunWatching {
 public:
  virtual ~RunWatching() = default;

  // What is known of the task that ended and is still a zombie.
  virtual SlotReport End(const Attended& attended) = 0;
};

// `task` is this process' child, `helper` another that is not the task's. Logs which way it is watched, or
// why not. Never null.
std::unique_ptr<RunWatching> StartWatching(const Options& options, const SlotRequest& task);

// The identity of a live process or zombie; start_ticks 0: procfs cannot tell.
ProcessKey KeyOf(const std::string& procfs, pid_t pid);

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_RUN_WATCHING_H_

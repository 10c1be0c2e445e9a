// How `run` has its task watched: by a serve on this host that takes the slot over, by a sampler of its own
// (with /metrics where asked for), or not at all. A task runs whether or not it can be watched.
//
// Thread safety: one thread uses it.

#ifndef AGENT_EXPORTER_RUN_RUN_WATCHING_H_
#define AGENT_EXPORTER_RUN_RUN_WATCHING_H_

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/process_source.h"
#include "run/attend.h"
#include "run/slot_messages.h"
#include "serve/metrics_handler.h"

namespace agent_exporter::run {

struct RunWatchingOptions {
  std::string procfs, sysfs;
  std::string process_source, process_events;  // as serve::WatchOptions
  std::string socket;                          // as SlotServiceOptions
  bool sampler = true;
  // Between two looks; zero: one at the start and one at the end; empty: by the source.
  std::optional<std::chrono::milliseconds> interval;
  kernel::UsageFields fields;
  std::vector<std::string> listen;  // where to show /metrics; empty: nowhere
  std::string telemetry_path;
  std::set<std::string> collectors;  // that /metrics shows
  serve::MetricsHandler::Options metrics;
};

class RunWatching {
 public:
  virtual ~RunWatching() = default;

  // What is known of the task that ended and is still a zombie.
  virtual SlotReport End(const Attended& attended) = 0;
};

// `task` is this process' child, `helper` another that is not the task's. Logs which way it is watched, or
// why not. Never null.
std::unique_ptr<RunWatching> StartWatching(const RunWatchingOptions& options, const SlotRequest& task);

// The identity of a live process or zombie; start_ticks 0: procfs cannot tell.
kernel::ProcessKey KeyOf(const std::string& procfs, pid_t pid);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_RUN_WATCHING_H_

// How `run` watches its task: a serve on this host takes the slot over, or `run` has its own sampler (and
// shows /metrics if asked to), or nobody watches. The task runs in any case.
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
  // Between two samples. Zero: only one at the start and one at the end. Empty: depends on the source.
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

  // What is known about the task, which has ended and is still a zombie.
  virtual SlotReport End(const Attended& attended) = 0;
};

// `task` is a child of this process, `helper` another child that does not belong to the task. Logs how the
// task is watched, or why it is not. Never null.
std::unique_ptr<RunWatching> StartWatching(const RunWatchingOptions& options, const SlotRequest& task);

// The identity of a live process or zombie. start_ticks is 0 if procfs does not show it.
kernel::ProcessKey KeyOf(const std::string& procfs, pid_t pid);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_RUN_WATCHING_H_

// Everything that reads, put together: the readers of /proc and cgroups, a process source and the Observer
// over them. `serve` keeps one in its sampler; status, traits and explain make one for a moment.
//
// Ownership: owns all its parts. Thread safety: none; one thread uses it.

#ifndef AGENT_EXPORTER_EXPORTER_WATCH_H_
#define AGENT_EXPORTER_EXPORTER_WATCH_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observer.h"
#include "exporter/config.h"
#include "kernel/process_events.h"
#include "kernel/process_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter {

struct WatchOptions {
  std::string procfs;
  std::string sysfs;
  std::string source = "procfs";  // auto, bpf or procfs
  std::string events = "none";    // auto, bpf, netlink or none
  UsageFields fields;
  Clock clock = SystemClock;
  pid_t self_pid = 0;
  std::vector<std::string> count_names;  // as Observer::Options
  double cross_check_seconds = 60;
  double leak_time_factor = 1;
  std::function<std::unique_ptr<ProcessEvents>()> make_events;  // instead of `events`, where it is set
};

class Watch {
 public:
  // NotFound/PermissionDenied, in one line, when procfs cannot be opened or is no procfs, or when a source or
  // events that were asked for by name cannot be had. With "auto" the best that can be had is taken, and a
  // log line says why not better.
  static absl::StatusOr<std::unique_ptr<Watch>> Make(const WatchOptions& options, Config config);

  bool has_events() const { return events_ != nullptr; }
  Observer& observer() { return *observer_; }
  ProcessFiles& files() { return files_; }
  Unreadable& unreadable() { return unreadable_; }
  ProcessSource& source() { return *source_; }

 private:
  explicit Watch(const WatchOptions& options);
  bool IsOurProc() const;
  absl::Status MakeSource(const WatchOptions& options, long clock_ticks);
  absl::Status MakeEvents(const WatchOptions& options, long clock_ticks);

  RootedReader proc_;
  RootedReader cgroup_root_;
  ProcessFiles files_;
  Unreadable unreadable_;
  std::unique_ptr<ProcessSource> source_;
  std::unique_ptr<ProcessEvents> events_;  // may be null
  std::unique_ptr<Observer> observer_;
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_WATCH_H_

// Everything that reads, put together: the readers of /proc and cgroups, a process source and the Observer
// over them. `serve` keeps one in its sampler; status, traits and explain make one for a moment.
//
// Ownership: owns all its parts. Thread safety: none; one thread uses it.

#ifndef AGENT_EXPORTER_SERVE_WATCH_H_
#define AGENT_EXPORTER_SERVE_WATCH_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/descriptor_look.h"
#include "agents/observer.h"
#include "agents/rules.h"
#include "kernel/process_events.h"
#include "kernel/process_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"
#include "leaks/leak_book.h"

namespace agent_exporter::serve {

struct WatchOptions {
  std::string procfs;
  std::string sysfs;
  std::string source = "procfs";  // auto, bpf or procfs
  std::string events = "none";    // auto, bpf, netlink or none
  kernel::UsageFields fields;
  base::Clock clock = base::SystemClock;
  pid_t self_pid = 0;
  size_t max_agents = 200;  // as Observer::Options, the next four too
  double forget_after_seconds = 3600;
  std::vector<std::string> count_names;
  double cross_check_seconds = 60;
};

class Watch {
 public:
  // NotFound/PermissionDenied, in one line, when procfs cannot be opened or is no procfs, or when a source or
  // events that were asked for by name cannot be had. With "auto" the best that can be had is taken, and a
  // log line says why not better.
  static absl::StatusOr<std::unique_ptr<Watch>> Make(const WatchOptions& options, agents::RuleSet rules);

  bool has_events() const { return events_ != nullptr; }
  agents::Observer& observer() { return *observer_; }
  // Every tick of the observer adds to it. For saving it, and for loading before the first look.
  leaks::LeakBook& leaks() { return leaks_; }
  kernel::ProcessFiles& files() { return files_; }
  kernel::Unreadable& unreadable() { return unreadable_; }
  kernel::ProcessSource& source() { return *source_; }

 private:
  explicit Watch(const WatchOptions& options);
  bool IsOurProc() const;
  absl::Status MakeSource(const WatchOptions& options, long clock_ticks);
  absl::Status MakeEvents(const WatchOptions& options, long clock_ticks);

  kernel::RootedReader proc_;
  kernel::RootedReader cgroup_root_;
  kernel::ProcessFiles files_;
  agents::DescriptorLook descriptors_;
  kernel::Unreadable unreadable_;
  std::unique_ptr<kernel::ProcessSource> source_;
  std::unique_ptr<kernel::ProcessEvents> events_;  // may be null
  leaks::LeakBook leaks_;
  std::unique_ptr<agents::Observer> observer_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_WATCH_H_

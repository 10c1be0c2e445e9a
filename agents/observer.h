// Makes Observations: each one is a consistent picture of the host. This is the only place that combines
// reading, tracking and limits.
//
// Ownership: borrows the source, the readers and the clock's captures; the Observations it returns are
// shared. Thread safety: none; one thread calls it.

#ifndef AGENT_EXPORTER_AGENTS_OBSERVER_H_
#define AGENT_EXPORTER_AGENTS_OBSERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agents/limits.h"
#include "agents/observation.h"
#include "agents/oom_evidence.h"
#include "agents/rules.h"
#include "agents/tracker.h"
#include "base/clock.h"
#include "kernel/cgroup.h"
#include "kernel/host.h"
#include "kernel/process_events.h"
#include "kernel/process_files.h"
#include "kernel/process_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter::agents {

class Observer {
 public:
  struct Options {
    pid_t self_pid = 0;
    long clock_ticks = 100;
    size_t max_agents = 200;
    double forget_after_seconds = 3600;
    kernel::UsageFields fields;
    std::vector<std::string> count_names;  // names whose live processes on the host are counted
    double cross_check_seconds = 60;       // with events: the longest time between two walks of all processes
    base::Clock clock = base::SystemClock;
    // Adds conclusions to each observation before it is shared (hooks, leaks). May be null. `boottime`:
    // seconds of CLOCK_BOOTTIME.
    std::function<void(double boottime, bool tick, Observation& observation)> conclude;
  };

  // `unreadable` is the one that `source` counts into; `events` may be null. All arguments must outlive this.
  //
  // Without events every sample walks all processes. With events it reads only the watched ones, and walks
  // all at the start, after finding an agent (for its earlier children), after lost events, and as a
  // cross-check every 60 s. Counts by name are as of the last walk.
  Observer(Options options, RuleSet rules, kernel::ProcessSource& source, kernel::ProcessEvents* events,
           const kernel::RootedReader& proc, const kernel::RootedReader& cgroup_root,
           kernel::Unreadable& unreadable);

  // Takes a new sample. A `tick` updates the CPU ratios; samples between ticks show those of the last tick.
  // Fails only if processes cannot be listed at all.
  absl::StatusOr<std::shared_ptr<const Observation>> Observe(bool tick);

  void SetRules(RuleSet rules) {
    tracker_.SetRules(std::move(rules));
    want_walk_ = true;
  }
  // These take effect at the next sample.
  void SetPanes(std::vector<SessionPane> panes) { tracker_.SetPanes(std::move(panes)); }
  void Register(Registration registration) { tracker_.Register(std::move(registration)); }
  void RecordExit(const ReportedExit& exit) { reported_exits_.push_back(exit); }

  const RuleSet& rules() const { return tracker_.rules(); }
  // The processes of the last observation, for `explain`.
  const Tracker& tracker() const { return tracker_; }
  // State to keep over a restart of the exporter, and to restore before the first sample.
  std::vector<Remembered> Memory() const { return tracker_.Memory(); }
  void Remember(std::vector<Remembered> memory) { tracker_.Remember(std::move(memory)); }
  double boot_time_seconds() const { return static_cast<double>(boot_time_); }

 private:
  // What we keep of a watched process between samples.
  struct Member {
    kernel::CpuTimes cpu;  // the highest value seen: the current one may come from a coarser source
    std::optional<kernel::CpuTimes> tick_cpu;  // at the last tick; empty: no tick saw it yet
    double tick_time = 0;
    double ratio = 0;
    std::optional<std::string> program;  // ProcessSample's; empty until first read
    // Counted so far; empty until first read.
    std::optional<uint64_t> io_read, io_write, voluntary, involuntary;
  };

  absl::Status Look(const base::ClockReading& now);
  absl::Status ReadProcesses(const base::ClockReading& now);
  absl::Status DrainEvents();
  void RecordExits();
  absl::Status WalkAll(const base::ClockReading& now);
  absl::Status TrackNewMembers(const base::ClockReading& now);
  uint64_t CountProcesses();
  void CountNamed();
  // The name of the file that `pid` runs, if its comm is only "MainThread"; otherwise "".
  std::string ProgramBehind(const kernel::ProcessKey& key, const std::string& comm);
  void Forget(const TrackedProcess& gone);
  // Of CLOCK_BOOTTIME.
  double StartSeconds(const kernel::ProcessKey& key) const {
    return static_cast<double>(key.start_ticks) / static_cast<double>(options_.clock_ticks);
  }
  // False if the process ended meanwhile.
  bool SampleProcess(const TrackedProcess& process, const base::ClockReading& now, bool tick,
                     ProcessSample* result);
  // Completes the records of ended roots and adds them to the sample.
  void AddEndedRoots(AgentGroup& group, const Observation& observation, bool tick, AgentSample* agent);
  void CountUsage(AgentGroup& group, Member& member, const ProcessSample& sample);

  Options options_;
  kernel::ProcessSource& source_;
  kernel::ProcessEvents* events_;
  const kernel::RootedReader& proc_;
  kernel::Unreadable& unreadable_;
  kernel::ProcessFiles files_;
  kernel::HostReader host_reader_;
  kernel::CgroupReader cgroup_reader_;
  kernel::SharedUseReader shared_use_reader_;
  LimitBook limits_;
  OomEvidence oom_evidence_;
  Tracker tracker_;
  uint64_t boot_time_ = 0;
  uint64_t start_ticks_ = 0;
  absl::flat_hash_map<kernel::ProcessKey, Member> members_;
  bool want_walk_ = true;
  uint64_t walked_processes_ = 0;
  std::map<std::string, uint64_t> named_processes_;
  absl::flat_hash_map<kernel::ProcessKey, std::string> programs_;  // of all processes named MainThread
  double last_walk_ = 0;
  uint64_t lost_at_walk_ = 0;
  uint64_t disagreements_ = 0;
  uint64_t links_beside_processes_ =
      0;  // st_nlink of /proc minus the number of processes, as of the last walk
  std::vector<ReportedExit> reported_exits_;
  std::vector<kernel::ProcessEvent> happened_;
  std::vector<kernel::ProcessStat> rows_;  // reused between samples of the members, to avoid allocation
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_OBSERVER_H_

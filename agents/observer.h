// Makes Observations: one look at the kernel, one consistent picture. The only place where reading, tracking
// and limits come together.
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
    std::vector<std::string> count_names;  // whose live processes on the whole host to count
    double cross_check_seconds = 60;       // with events: the longest time between two walks of all processes
    base::Clock clock = base::SystemClock;
    // Adds to each observation, before it is shared, what can be concluded from it. May be null. `boottime`:
    // seconds of CLOCK_BOOTTIME.
    std::function<void(double boottime, bool tick, Observation& observation)> conclude;
  };

  // `unreadable` is the one that `source` counts into; `events` may be null. All of them must outlive this.
  //
  // Without events every look walks all processes. With events it reads the watched ones only; all are walked
  // at the start, after an agent was found (what it had started before), after lost events, and as a
  // cross-check every 60 s. What is counted by name is as old as the last such walk.
  Observer(Options options, RuleSet rules, kernel::ProcessSource& source, kernel::ProcessEvents* events,
           const kernel::RootedReader& proc, const kernel::RootedReader& cgroup_root,
           kernel::Unreadable& unreadable);

  // Looks afresh. A `tick` moves the CPU ratios on; looks between ticks show the last tick's. Fails only when
  // processes cannot be listed at all.
  absl::StatusOr<std::shared_ptr<const Observation>> Observe(bool tick);

  void SetRules(RuleSet rules) {
    tracker_.SetRules(std::move(rules));
    want_walk_ = true;
  }
  // All take effect at the next look.
  void SetPanes(std::vector<SessionPane> panes) { tracker_.SetPanes(std::move(panes)); }
  void Register(Registration registration) { tracker_.Register(std::move(registration)); }
  void NoteExit(const NotedExit& exit) { noted_exits_.push_back(exit); }

  const RuleSet& rules() const { return tracker_.rules(); }
  // The processes behind the last observation: explain's raw material.
  const Tracker& tracker() const { return tracker_; }
  // For keeping over a restart, and for taking up before the first look.
  std::vector<Remembered> Memory() const { return tracker_.Memory(); }
  void Remember(std::vector<Remembered> memory) { tracker_.Remember(std::move(memory)); }
  double boot_time_seconds() const { return static_cast<double>(boot_time_); }

 private:
  // What is remembered of a watched process between looks.
  struct Member {
    kernel::CpuTimes cpu;                      // the most seen: what is read now may be of a coarser source
    std::optional<kernel::CpuTimes> tick_cpu;  // at the last tick; empty: no tick saw it yet
    double tick_time = 0;
    double ratio = 0;
    std::optional<std::string> program;  // ProcessSample's; empty until first read
    // Counted so far; empty until first read.
    std::optional<uint64_t> io_read, io_write, voluntary, involuntary;
  };

  absl::Status Look(const base::ClockReading& now);
  absl::Status LookAround(const base::ClockReading& now);
  absl::Status DrainEvents();
  void NoteExits();
  absl::Status WalkAll(const base::ClockReading& now);
  absl::Status TellOfNewMembers(const base::ClockReading& now);
  uint64_t CountProcesses();
  void CountNamed();
  // The name of the file that `pid` runs, if its comm tells only that it is a main thread; else "".
  std::string ProgramBehind(const kernel::ProcessKey& key, const std::string& comm);
  void Forget(const TrackedProcess& gone);
  // Of CLOCK_BOOTTIME.
  double StartSeconds(const kernel::ProcessKey& key) const {
    return static_cast<double>(key.start_ticks) / static_cast<double>(options_.clock_ticks);
  }
  // False when the process went meanwhile.
  bool SampleProcess(const TrackedProcess& process, const base::ClockReading& now, bool tick,
                     ProcessSample* result);
  // Completes the records of roots that ended, and hands them to the sample.
  void TakeEnds(AgentGroup& group, const Observation& observation, bool tick, AgentSample* agent);
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
  absl::flat_hash_map<kernel::ProcessKey, std::string> programs_;  // of all processes called MainThread
  double last_walk_ = 0;
  uint64_t lost_at_walk_ = 0;
  uint64_t disagreements_ = 0;
  uint64_t links_beside_processes_ = 0;  // st_nlink of /proc less the processes, as of the last walk
  std::vector<NotedExit> noted_exits_;
  std::vector<kernel::ProcessEvent> happened_;
  std::vector<kernel::ProcessStat> rows_;  // reused by looks at the members, which then allocate nothing
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_OBSERVER_H_

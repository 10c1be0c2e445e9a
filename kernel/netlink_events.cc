#include "kernel/netlink_events.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/descriptor.h"
#include "kernel/parse_process.h"
#include "kernel/proc_connector.h"
#include "kernel/taskstats.h"

namespace agent_exporter::kernel {
namespace {

// Whether the last thread of `pid` is gone. Also true for a reaped process. A reused pid reads as not ended
// until we see the fork that reused it.
bool HasEnded(pid_t pid) {
  const base::Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.ok()) return errno != EMFILE && errno != ENFILE && errno != ENOMEM;
  pollfd ended{process.get(), POLLIN, 0};
  return poll(&ended, 1, 0) != 0;
}

// How far back Track looks, and how many events are kept for it at most.
constexpr uint64_t kLookBackNs = 3'000'000'000;
constexpr uint64_t kLookBackDrains = 3;
constexpr size_t kMostPast = 20'000;

class NetlinkEvents final : public ProcessEvents {
 public:
  // `ends` may be null.
  NetlinkEvents(const RootedReader& proc, std::unique_ptr<ProcConnector> connector,
                std::unique_ptr<Taskstats> ends)
      : proc_(proc), connector_(std::move(connector)), ends_(std::move(ends)) {}

  std::string_view name() const override { return "netlink"; }

  absl::Status Track(absl::Span<const ProcessKey> keys) override {
    for (const ProcessKey& key : keys) {
      tracked_.try_emplace(key.pid);
      fresh_.insert(key.pid);
    }
    const size_t first = pending_.size();
    ReportPast(keys, &pending_);
    // The queued events are older than this call and may include the forks of these processes.
    const absl::Status status = Read(&pending_, first);
    fresh_.clear();
    return status;
  }

  absl::Status Drain(std::vector<ProcessEvent>* events) override {
    events->insert(events->end(), std::make_move_iterator(pending_.begin()),
                   std::make_move_iterator(pending_.end()));
    pending_.clear();
    ignores_children_.clear();
    ForgetPast();
    return Read(events, events->size());
  }

  uint64_t lost() override { return connector_->dropped() + (ends_ == nullptr ? 0 : ends_->dropped()); }

 private:
  // Times of the connector's clock; 0: unknown.
  struct Life {
    uint64_t forked_ns = 0;
    uint64_t exited_ns = 0;  // of the main thread
    CpuTimes children;       // CPU of children that ended since, including their children

    // 0: unknown.
    int64_t nanoseconds() const {
      return forked_ns != 0 && exited_ns > forked_ns ? static_cast<int64_t>(exited_ns - forked_ns) : 0;
    }
  };

  // Completes the events from `first` on.
  absl::Status Read(std::vector<ProcessEvent>* events, size_t first) {
    absl::Status status = connector_->Receive([&](const proc_event& event) { HandleEvent(event, events); });
    absl::erase_if(ending_, [&](const auto& process) {
      if (!HasEnded(process.first)) return false;
      ReportExit(process.first, process.second, events);
      return true;
    });
    if (ends_ == nullptr) return status;
    status.Update(ReadEnds());
    AddEnds(first, events);
    return status;
  }

  bool IsWanted(pid_t pid) const { return tracked_.contains(pid) || ended_.contains(pid); }

  // The kernel writes a task's record before its exit event, so the records of all exits received so far are
  // here.
  absl::Status ReadEnds() {
    // Their forks have been received by now: whatever is still unknown is not watched.
    for (const TaskEnd& end : early_) {
      if (IsWanted(end.pid)) {
        known_ends_[end.pid] = end;
      } else if (past_ends_.size() < kMostPast) {
        past_ends_[end.pid] = {end, drains_};
      }
    }
    early_.clear();
    return ends_->Receive([&](const TaskEnd& end) {
      if (IsWanted(end.pid)) {
        known_ends_[end.pid] = end;
      } else {
        early_.push_back(end);
      }
    });
  }

  // Adds the peak memory to the exits from `first` on, and inserts before each exit the CPU that no parent's
  // cutime will show.
  void AddEnds(size_t first, std::vector<ProcessEvent>* events) {
    std::vector<ProcessEvent> reported(
        std::make_move_iterator(events->begin() + static_cast<ptrdiff_t>(first)),
        std::make_move_iterator(events->end()));
    events->resize(first);
    for (ProcessEvent& event : reported) {
      if (event.kind == ProcessEvent::Kind::kExit) AddEnd(event, events);
      events->push_back(std::move(event));
    }
    ended_.clear();
  }

  void AddEnd(ProcessEvent& exit, std::vector<ProcessEvent>* events) {
    const auto found = known_ends_.find(exit.key.pid);
    if (found == known_ends_.end()) return;
    const TaskEnd end = found->second;
    known_ends_.erase(found);
    exit.max_resident_bytes = end.max_resident_bytes;
    exit.comm = end.comm;
    const Life* const life = Find(end.pid);
    const CpuTimes own = end.cpu + CpuTimes{0, exit_work_.Of(end, life == nullptr ? 0 : life->nanoseconds())};
    exit.used = own;
    // If we did not see its fork, we may have missed children that ended before we watched it.
    const bool knows_children = life != nullptr && life->forked_ns != 0;
    if (!IsWaitedFor(end)) {
      ProcessEvent last;
      last.kind = ProcessEvent::Kind::kFinalCpu;
      last.key = exit.key;
      last.cpu = LastCpu{own, knows_children ? std::optional(life->children) : std::nullopt};
      events->push_back(std::move(last));
    } else if (Life* const parent = Find(end.parent)) {
      parent->children += own;
      if (knows_children) parent->children += life->children;
    }
  }

  Life* Find(pid_t pid) {
    if (const auto live = tracked_.find(pid); live != tracked_.end()) return &live->second;
    const auto ended = ended_.find(pid);
    return ended == ended_.end() ? nullptr : &ended->second;
  }

  // Whether a watched parent's cutime will include it. Assumes so if the parent has ended since, because its
  // signal handlers can no longer be read.
  bool IsWaitedFor(const TaskEnd& end) {
    if (ended_.contains(end.parent)) return true;
    if (!tracked_.contains(end.parent)) return false;
    const auto [at, unknown] = ignores_children_.try_emplace(end.parent, false);
    if (unknown) {
      const auto status = proc_.Read(std::to_string(end.parent) + "/status", &text_);
      at->second = status.ok() && IgnoresSignal(*status, SIGCHLD);
    }
    return !at->second;
  }

  void HandleEvent(const proc_event& from, std::vector<ProcessEvent>* events) {
    switch (static_cast<uint32_t>(from.what)) {
      case kProcEventFork: {
        const auto& fork = from.event_data.fork;
        HandleFork(fork.parent_tgid, fork.child_tgid, from.timestamp_ns, events);
        break;
      }
      case kProcEventExec: {
        ProcessEvent event;
        event.kind = ProcessEvent::Kind::kExec;
        event.key.pid = from.event_data.exec.process_tgid;
        // If the main thread ended earlier, another thread called execve and took its place.
        ending_.erase(event.key.pid);
        events->push_back(std::move(event));
        break;
      }
      case kProcEventExit: {
        const auto& exit = from.event_data.exit;
        const auto tracked = tracked_.find(exit.process_tgid);
        if (tracked == tracked_.end()) {
          Remember({.at_ns = from.timestamp_ns,
                    .pid = exit.process_tgid,
                    .status = static_cast<int>(exit.exit_code)});
          break;
        }
        tracked->second.exited_ns = from.timestamp_ns;
        if (HasEnded(exit.process_tgid)) {
          ending_.erase(exit.process_tgid);
          ReportExit(exit.process_tgid, static_cast<int>(exit.exit_code), events);
        } else {
          ending_[exit.process_tgid] = static_cast<int>(exit.exit_code);
        }
        break;
      }
      default:
        break;
    }
  }

  void HandleFork(pid_t parent, pid_t child, uint64_t now_ns, std::vector<ProcessEvent>* events) {
    const bool fresh = fresh_.contains(child);
    // The previous process with this pid is gone, even if its exit event was lost.
    if (const auto before = ending_.find(child); before != ending_.end()) {
      if (!fresh) ReportExit(child, before->second, events);
      ending_.erase(before);
    }
    if (!fresh) tracked_.erase(child);
    known_ends_.erase(child);
    if (!tracked_.contains(parent)) return Remember({.at_ns = now_ns, .pid = child, .parent = parent});
    ReportFork(parent, child, now_ns, events);
  }

  void ReportFork(pid_t parent, pid_t child, uint64_t now_ns, std::vector<ProcessEvent>* events) {
    tracked_[child].forked_ns = now_ns;
    ProcessEvent event;
    event.kind = ProcessEvent::Kind::kFork;
    event.key.pid = child;
    event.parent = parent;
    events->push_back(std::move(event));
  }

  void ReportExit(pid_t pid, int status, std::vector<ProcessEvent>* events) {
    const auto tracked = tracked_.extract(pid);
    if (ends_ != nullptr) ended_[pid] = tracked.empty() ? Life{} : tracked.mapped();
    ProcessEvent event;
    event.kind = ProcessEvent::Kind::kExit;
    event.key.pid = pid;
    event.status = status;
    events->push_back(std::move(event));
  }

  // An event of an unwatched process: a fork if `parent` is set, otherwise an exit.
  struct Past {
    uint64_t at_ns = 0;
    pid_t pid = 0;
    pid_t parent = 0;
    int status = 0;
  };

  void Remember(const Past& past) {
    if (past_.size() < kMostPast) past_.push_back(past);
  }

  void ForgetPast() {
    ++drains_;
    absl::erase_if(past_ends_,
                   [this](const auto& end) { return end.second.second + kLookBackDrains < drains_; });
    if (past_.empty()) return;
    const uint64_t newest = past_.back().at_ns;
    std::erase_if(past_, [&](const Past& past) { return past.at_ns + kLookBackNs < newest; });
  }

  // Reports what `keys` and their children did before Track was called.
  void ReportPast(absl::Span<const ProcessKey> keys, std::vector<ProcessEvent>* events) {
    absl::flat_hash_set<pid_t> asked, forked, live;
    for (const ProcessKey& key : keys) asked.insert(key.pid);
    for (const Past& past : past_) {
      if (past.parent != 0 && asked.contains(past.pid)) forked.insert(past.pid);
    }
    // Before its fork, its pid belonged to another process.
    for (const pid_t pid : asked) {
      if (!forked.contains(pid)) live.insert(pid);
    }
    std::vector<Past> others;
    for (const Past& past : past_) {
      if (past.parent != 0) {
        live.erase(past.pid);
        if (live.contains(past.parent)) {
          ReportFork(past.parent, past.pid, past.at_ns, events);
        } else {
          others.push_back(past);
          if (!asked.contains(past.pid)) continue;
          tracked_[past.pid].forked_ns = past.at_ns;
        }
        live.insert(past.pid);
      } else if (live.contains(past.pid) && HasEnded(past.pid)) {
        live.erase(past.pid);
        tracked_[past.pid].exited_ns = past.at_ns;
        if (const auto end = past_ends_.extract(past.pid)) known_ends_[past.pid] = end.mapped().first;
        ReportExit(past.pid, past.status, events);
      } else if (live.contains(past.pid)) {
        ending_[past.pid] = past.status;  // only its main thread ended
      } else {
        others.push_back(past);
      }
    }
    past_ = std::move(others);
  }

  const RootedReader& proc_;
  const std::unique_ptr<ProcConnector> connector_;
  const std::unique_ptr<Taskstats> ends_;
  absl::flat_hash_map<pid_t, Life> tracked_;
  absl::flat_hash_set<pid_t> fresh_;  // while Track reads the queue
  // Tracked processes whose main thread ended with this status; other threads may still run.
  absl::flat_hash_map<pid_t, int> ending_;
  std::vector<ProcessEvent> pending_;  // read by Track, not yet drained
  std::vector<Past> past_;             // recent events of unwatched processes, in order

  // Used only with taskstats.
  absl::flat_hash_map<pid_t, Life> ended_;          // reported in this Read
  absl::flat_hash_map<pid_t, TaskEnd> known_ends_;  // of watched processes whose exit event has not come yet
  std::vector<TaskEnd> early_;  // of pids whose fork event has not come yet, if they are watched
  absl::flat_hash_map<pid_t, std::pair<TaskEnd, uint64_t>>
      past_ends_;  // of unwatched processes, with the drain number
  uint64_t drains_ = 0;
  absl::flat_hash_map<pid_t, bool> ignores_children_;  // read since the last Drain
  std::string text_;
  ExitWork exit_work_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeNetlinkEvents(const RootedReader& proc,
                                                                 int receive_buffer_bytes) {
  auto connector = ProcConnector::Open(receive_buffer_bytes);
  if (!connector.ok()) return connector.status();
  auto ends = Taskstats::Open(receive_buffer_bytes);
  return std::make_unique<NetlinkEvents>(proc, *std::move(connector), ends.ok() ? *std::move(ends) : nullptr);
}

absl::Status CheckTaskstats() { return Taskstats::Open(kNetlinkReceiveBuffer).status(); }

}  // namespace agent_exporter::kernel

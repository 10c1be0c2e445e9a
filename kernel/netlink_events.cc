#include "kernel/netlink_events.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "kernel/descriptor.h"
#include "kernel/proc_connector.h"

namespace agent_exporter {
namespace {

// Whether the last thread of `pid` is gone. Also true of a process that was reaped; a pid that was handed out
// again reads as not ended, until the fork that took it is seen.
bool HasEnded(pid_t pid) {
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.ok()) return errno != EMFILE && errno != ENFILE && errno != ENOMEM;
  pollfd ended{process.get(), POLLIN, 0};
  return poll(&ended, 1, 0) != 0;
}

class NetlinkEvents final : public ProcessEvents {
 public:
  explicit NetlinkEvents(std::unique_ptr<ProcConnector> connector) : connector_(std::move(connector)) {}

  std::string_view name() const override { return "netlink"; }

  absl::Status Track(absl::Span<const ProcessKey> keys) override {
    for (const ProcessKey& key : keys) {
      tracked_.insert(key.pid);
      fresh_.insert(key.pid);
    }
    // What is queued is older than this call, and may hold the very forks that made these processes.
    const absl::Status status = Read(&pending_);
    fresh_.clear();
    return status;
  }

  absl::Status Drain(std::vector<ProcessEvent>* events) override {
    events->insert(events->end(), std::make_move_iterator(pending_.begin()),
                   std::make_move_iterator(pending_.end()));
    pending_.clear();
    absl::Status status = Read(events);
    absl::erase_if(ending_, [&](const auto& process) {
      if (!HasEnded(process.first)) return false;
      TellExit(process.first, process.second, events);
      return true;
    });
    return status;
  }

  uint64_t lost() override { return connector_->dropped(); }

 private:
  absl::Status Read(std::vector<ProcessEvent>* events) {
    return connector_->Receive([&](const proc_event& event) { Take(event, events); });
  }

  void Take(const proc_event& from, std::vector<ProcessEvent>* events) {
    switch (static_cast<uint32_t>(from.what)) {
      case kProcEventFork: {
        const auto& fork = from.event_data.fork;
        Forked(fork.parent_tgid, fork.child_tgid, events);
        break;
      }
      case kProcEventExec: {
        ProcessEvent event;
        event.kind = ProcessEvent::Kind::kExec;
        event.key.pid = from.event_data.exec.process_tgid;
        // Where a main thread ended before, it was for a sibling that took its place to exec.
        ending_.erase(event.key.pid);
        events->push_back(std::move(event));
        break;
      }
      case kProcEventExit: {
        const auto& exit = from.event_data.exit;
        if (!tracked_.contains(exit.process_tgid)) break;
        if (HasEnded(exit.process_tgid)) {
          ending_.erase(exit.process_tgid);
          TellExit(exit.process_tgid, static_cast<int>(exit.exit_code), events);
        } else {
          ending_[exit.process_tgid] = static_cast<int>(exit.exit_code);
        }
        break;
      }
      default:
        break;
    }
  }

  void Forked(pid_t parent, pid_t child, std::vector<ProcessEvent>* events) {
    const bool fresh = fresh_.contains(child);
    // Whoever had this pid is gone, even if the event that said so was lost.
    if (const auto before = ending_.find(child); before != ending_.end()) {
      if (!fresh) TellExit(child, before->second, events);
      ending_.erase(before);
    }
    if (!fresh) tracked_.erase(child);
    if (!tracked_.contains(parent)) return;
    tracked_.insert(child);
    ProcessEvent event;
    event.kind = ProcessEvent::Kind::kFork;
    event.key.pid = child;
    event.parent = parent;
    events->push_back(std::move(event));
  }

  void TellExit(pid_t pid, int status, std::vector<ProcessEvent>* events) {
    tracked_.erase(pid);
    ProcessEvent event;
    event.kind = ProcessEvent::Kind::kExit;
    event.key.pid = pid;
    event.status = status;
    events->push_back(std::move(event));
  }

  const std::unique_ptr<ProcConnector> connector_;
  absl::flat_hash_set<pid_t> tracked_;
  absl::flat_hash_set<pid_t> fresh_;  // while Track reads what was queued before
  // Tracked, main thread gone with this status, other threads perhaps not.
  absl::flat_hash_map<pid_t, int> ending_;
  std::vector<ProcessEvent> pending_;  // read by Track, not yet drained
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeNetlinkEvents(int receive_buffer_bytes) {
  auto connector = ProcConnector::Open(receive_buffer_bytes);
  if (!connector.ok()) return connector.status();
  return std::make_unique<NetlinkEvents>(*std::move(connector));
}

}  // namespace agent_exporter

// What the tests of the netlink maker share: its events, of this process and what it starts.

#ifndef AGENT_EXPORTER_TESTS_KERNEL_NETLINK_FIXTURE_H_
#define AGENT_EXPORTER_TESTS_KERNEL_NETLINK_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "kernel/netlink_events.h"

namespace agent_exporter::kernel {

// Runs `body` in a child and returns the child's pid once it was waited for; *status as wait(2) gives it.
inline pid_t RunChild(const std::function<void()>& body, int* status = nullptr) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  waitpid(pid, status, 0);
  return pid;
}

class NetlinkEventsTest : public testing::Test {
 protected:
  using Kind = ProcessEvent::Kind;

  void SetUp() override { Make(kNetlinkReceiveBuffer); }

  void Make(int receive_buffer_bytes) {
    auto events = MakeNetlinkEvents(proc_, receive_buffer_bytes);
    if (!events.ok()) GTEST_SKIP() << "the proc connector cannot be used here: " << events.status().message();
    events_ = *std::move(events);
  }
  void TrackSelf() { ASSERT_TRUE(events_->Track({{ProcessKey{getpid(), 0}}}).ok()); }

  // Drains until an event of `kind` and `pid` is there, or 5 s have passed.
  const ProcessEvent* Await(Kind kind, pid_t pid) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (true) {
      EXPECT_TRUE(events_->Drain(&seen_).ok());
      const ProcessEvent* found = Find(kind, pid);
      if (found != nullptr || std::chrono::steady_clock::now() > deadline) return found;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  const ProcessEvent* Find(Kind kind, pid_t pid) const {
    for (const ProcessEvent& event : seen_) {
      if (event.kind == kind && event.key.pid == pid) return &event;
    }
    return nullptr;
  }
  size_t Count(Kind kind, pid_t parent_or_pid) const {
    size_t count = 0;
    for (const ProcessEvent& event : seen_) {
      count +=
          event.kind == kind && (kind == Kind::kFork ? event.parent : event.key.pid) == parent_or_pid ? 1 : 0;
    }
    return count;
  }

  RootedReader proc_{"/proc"};
  std::unique_ptr<ProcessEvents> events_;
  std::vector<ProcessEvent> seen_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_TESTS_KERNEL_NETLINK_FIXTURE_H_

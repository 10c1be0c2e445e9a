// The BPF maker of ProcessEvents on the real kernel.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "tests/kernel/bpf_fixture.h"

namespace agent_exporter::kernel {
namespace {

class BpfEventsTest : public BpfTest {
 protected:
  void SetUp() override {
    BpfTest::SetUp();
    if (IsSkipped()) return;
    auto events = MakeBpfEvents(kTicks);
    if (!events.ok()) GTEST_SKIP() << "BPF events cannot be used here: " << events.status().message();
    events_ = *std::move(events);
    ASSERT_TRUE(events_->Track({ByPid(*procfs_).at(getpid()).key}).ok());
  }

  // Drains until `enough` or 5 s have passed.
  template <typename Enough>
  void DrainUntil(Enough enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    do {
      ASSERT_TRUE(events_->Drain(&seen_).ok());
      if (enough()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    } while (std::chrono::steady_clock::now() < deadline);
  }
  size_t Count(ProcessEvent::Kind kind) const {
    size_t count = 0;
    for (const ProcessEvent& event : seen_) count += event.kind == kind ? 1 : 0;
    return count;
  }
  const ProcessEvent* Find(ProcessEvent::Kind kind, pid_t pid) const {
    for (const ProcessEvent& event : seen_) {
      if (event.kind == kind && event.key.pid == pid) return &event;
    }
    return nullptr;
  }

  // By pid, the last that was told. Linux 6.18 does not always come to tell the final figure; then it is the
  // exit's.
  std::map<pid_t, LastCpu> LastCpus() const {
    std::map<pid_t, LastCpu> last;
    for (const ProcessEvent& event : seen_) {
      if (event.cpu) last[event.key.pid] = *event.cpu;
    }
    return last;
  }

  std::unique_ptr<ProcessEvents> events_;
  std::vector<ProcessEvent> seen_;
};

TEST_F(BpfEventsTest, FiveThousandShortLivedChildrenAreAllSeen) {
  for (int i = 0; i < 5000; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, nullptr, 0);
  }
  DrainUntil([this] { return Count(ProcessEvent::Kind::kExit) >= 5000; });
  EXPECT_EQ(Count(ProcessEvent::Kind::kFork), 5000u);
  EXPECT_EQ(Count(ProcessEvent::Kind::kExit), 5000u);
  EXPECT_EQ(events_->lost(), 0u);
}

// What one question left in the kernel would be no room for the next, or mark a stranger.
TEST_F(BpfEventsTest, AQuestionThatFailsHalfWayLeavesNothing) {
  std::vector<ProcessKey> too_many;
  for (pid_t pid = 1; pid <= 70'000; ++pid) too_many.push_back({pid + 1'000'000'000, 1});
  EXPECT_FALSE(events_->Track(too_many).ok());
  EXPECT_TRUE(events_->Track({ByPid(*procfs_).at(getpid()).key}).ok());
}

TEST_F(BpfEventsTest, HowAProcessEndedIsTold) {
  const pid_t coded = fork();
  if (coded == 0) _exit(3);
  const pid_t killed = fork();
  if (killed == 0) {
    pause();
    _exit(0);
  }
  kill(killed, SIGTERM);
  waitpid(coded, nullptr, 0);
  waitpid(killed, nullptr, 0);
  DrainUntil(
      [&] { return Find(ProcessEvent::Kind::kExit, coded) && Find(ProcessEvent::Kind::kExit, killed); });
  const ProcessEvent* code = Find(ProcessEvent::Kind::kExit, coded);
  const ProcessEvent* signal = Find(ProcessEvent::Kind::kExit, killed);
  ASSERT_TRUE(code != nullptr && signal != nullptr);
  EXPECT_TRUE(WIFEXITED(code->status) && WEXITSTATUS(code->status) == 3) << code->status;
  EXPECT_TRUE(WIFSIGNALED(signal->status) && WTERMSIG(signal->status) == SIGTERM) << signal->status;
  EXPECT_GT(signal->max_resident_bytes, 0u);
}

TEST_F(BpfEventsTest, GrandchildrenOfADeadParentAreTold) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  if (child == 0) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      pause();
      _exit(0);
    }
    if (write(told[1], &grandchild, sizeof(grandchild)) < 0) _exit(1);
    _exit(0);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(read(told[0], &grandchild, sizeof(grandchild)), static_cast<ssize_t>(sizeof(grandchild)));
  waitpid(child, nullptr, 0);
  DrainUntil([&] { return Find(ProcessEvent::Kind::kFork, grandchild) != nullptr; });
  const ProcessEvent* fork_event = Find(ProcessEvent::Kind::kFork, grandchild);
  ASSERT_NE(fork_event, nullptr);
  EXPECT_EQ(fork_event->parent, child);
  EXPECT_EQ(fork_event->key, ByPid(*procfs_).at(grandchild).key);
  kill(grandchild, SIGKILL);
  close(told[0]);
  close(told[1]);
}

TEST_F(BpfEventsTest, AnExecIsTold) {
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  waitpid(pid, nullptr, 0);
  DrainUntil([&] { return Find(ProcessEvent::Kind::kExec, pid) != nullptr; });
  EXPECT_NE(Find(ProcessEvent::Kind::kExec, pid), nullptr);
}

TEST_F(BpfEventsTest, ChildrenNobodyWaitsForTellTheirLastCpu) {
  // A tracked child that ignores SIGCHLD: its own children never show in its cutime.
  const double before = ChildrenCpuSeconds();
  const pid_t parent = fork();
  if (parent == 0) {
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 20; ++i) {
      if (fork() == 0) {
        BurnCpu(std::chrono::milliseconds(30));
        _exit(0);
      }
    }
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
  EXPECT_LT(ChildrenCpuSeconds() - before, 0.5) << "the kernel's own sum misses them";
  DrainUntil([&] { return Count(ProcessEvent::Kind::kFinalCpu) >= 20; });
  int64_t total_ns = 0;
  for (const auto& [pid, cpu] : LastCpus()) total_ns += cpu.own.total_ns();
  EXPECT_GE(total_ns, 590'000'000);
}

TEST_F(BpfEventsTest, OfTwoThousandChildrenNobodyWaitsForNoneIsMissed) {
  const size_t children = 2000;
  const pid_t parent = fork();
  if (parent == 0) {
    signal(SIGCHLD, SIG_IGN);
    for (size_t i = 0; i < children; ++i) {
      const pid_t pid = fork();
      if (pid == 0) _exit(0);
      waitpid(pid, nullptr, 0);  // until it is gone
    }
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
  // The parent's own is not among them: its parent is watched and waited for it.
  DrainUntil([&] { return Count(ProcessEvent::Kind::kExit) > children; });
  EXPECT_EQ(LastCpus().size(), children);
  EXPECT_GE(Count(ProcessEvent::Kind::kFinalCpu), children / 2);
}

TEST_F(BpfEventsTest, TheLastCpuHoldsChildrenThatWereWaitedFor) {
  pid_t pid = fork();
  if (pid == 0) {  // SIGCHLD ignored from here down to the burner's parent, which waits
    signal(SIGCHLD, SIG_IGN);
    pid = fork();
    if (pid == 0) {
      signal(SIGCHLD, SIG_DFL);
      pid = fork();
      if (pid == 0) {
        BurnCpu(std::chrono::milliseconds(30));
        _exit(0);
      }
      waitpid(pid, nullptr, 0);
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
  DrainUntil([&] { return Count(ProcessEvent::Kind::kFinalCpu) >= 1; });
  const auto last = LastCpus();
  ASSERT_EQ(last.size(), 1u);
  const LastCpu& cpu = last.begin()->second;
  ASSERT_TRUE(cpu.children.has_value());
  EXPECT_GE(cpu.children->total_ns(), 30'000'000);
  EXPECT_LT(cpu.own.total_ns(), 30'000'000) << "its own is apart";
}

TEST_F(BpfEventsTest, AnotherProcessThatSharesNothingIsNotTold) {
  events_.reset();
  auto fresh = MakeBpfEvents(kTicks);  // nothing tracked
  ASSERT_TRUE(fresh.ok());
  events_ = *std::move(fresh);
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  EXPECT_EQ(Find(ProcessEvent::Kind::kFork, pid), nullptr);
  EXPECT_EQ(Find(ProcessEvent::Kind::kExit, pid), nullptr);
}

TEST(BpfWithoutRights, IsRefusedInOneLine) {
  // Without rights the makers say so in one line and load nothing.
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give it up";
  const pid_t pid = fork();
  if (pid == 0) {
    if (setuid(65534) != 0) _exit(2);
    const auto events = MakeBpfEvents(kTicks);
    _exit(events.ok() ? 1 : events.status().message().empty() ? 3 : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace agent_exporter::kernel

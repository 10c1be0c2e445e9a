// Taskstats of the real kernel, and what the netlink maker makes of them. Where they cannot be had these
// skip, saying why.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/netlink_fixture.h"

namespace agent_exporter::kernel {
namespace {

class TaskEndsTest : public NetlinkEventsTest {
 protected:
  void SetUp() override {
    if (const absl::Status status = CheckTaskstats(); !status.ok())
      GTEST_SKIP() << "taskstats cannot be used here: " << status.message();
    NetlinkEventsTest::SetUp();
  }

  // Burns CPU without asking for it, which would make the kernel bring its books up to date.
  static void Burn(std::chrono::milliseconds wall) {
    const auto end = std::chrono::steady_clock::now() + wall;
    while (std::chrono::steady_clock::now() < end) {
    }
  }
  double FinalCpuSeconds() const {
    double seconds = 0;
    for (const ProcessEvent& event : seen_) {
      if (event.kind == Kind::kFinalCpu) seconds += static_cast<double>(event.cpu->own.total_ns()) * 1e-9;
    }
    return seconds;
  }
};

TEST_F(TaskEndsTest, PeakMemoryIsTold) {
  TrackSelf();
  const pid_t pid = RunChild([] {
    std::vector<char> memory(64 << 20, 'x');
    asm volatile("" : : "r"(memory.data()) : "memory");
  });
  const ProcessEvent* ended = Await(Kind::kExit, pid);
  ASSERT_NE(ended, nullptr);
  EXPECT_GE(ended->max_resident_bytes, 64u << 20);
  EXPECT_LT(ended->max_resident_bytes, 128u << 20);
}

TEST_F(TaskEndsTest, ChildrenThatAreWaitedForTellNoCpu) {
  TrackSelf();
  const pid_t pid = RunChild([] { Burn(std::chrono::milliseconds(20)); });
  ASSERT_NE(Await(Kind::kExit, pid), nullptr);
  EXPECT_EQ(Find(Kind::kFinalCpu, pid), nullptr);
}

TEST_F(TaskEndsTest, ChildrenOfOneThatIgnoresThemTellTheirCpuBeforeTheirEnd) {
  TrackSelf();
  signal(SIGCHLD, SIG_IGN);
  std::vector<pid_t> pids;
  for (int i = 0; i < 20; ++i) {
    pids.push_back(fork());
    if (pids.back() == 0) {
      timespec used{};
      Burn(std::chrono::milliseconds(10));
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
      _exit(used.tv_nsec > 2'000'000 ? 0 : 1);
    }
    waitpid(pids.back(), nullptr, 0);
  }
  ASSERT_NE(Await(Kind::kExit, pids.back()), nullptr);
  signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(static_cast<size_t>(
                std::count_if(seen_.begin(), seen_.end(),
                              [](const ProcessEvent& event) { return event.kind == Kind::kFinalCpu; })),
            20u);
  // Others may have had the CPU half of the time.
  EXPECT_GT(FinalCpuSeconds(), 0.05);
  EXPECT_LT(FinalCpuSeconds(), 0.4);
  const auto at = [&](Kind kind) { return Find(kind, pids[0]) - seen_.data(); };
  EXPECT_LT(at(Kind::kFinalCpu), at(Kind::kExit));
}

TEST_F(TaskEndsTest, AnOrphanTellsItsCpu) {
  TrackSelf();
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  RunChild([&] {
    const pid_t orphan = fork();
    if (orphan == 0) {
      char byte = 0;
      while (getppid() == getpgrp()) std::this_thread::yield();
      Burn(std::chrono::milliseconds(20));
      (void)!read(told[0], &byte, 1);
      _exit(0);
    }
    if (write(told[1], &orphan, sizeof(orphan)) < 0) _exit(1);
  });
  pid_t orphan = 0;
  ASSERT_EQ(read(told[0], &orphan, sizeof(orphan)), static_cast<ssize_t>(sizeof(orphan)));
  ASSERT_EQ(write(told[1], "x", 1), 1);
  ASSERT_NE(Await(Kind::kExit, orphan), nullptr);
  ASSERT_NE(Find(Kind::kFinalCpu, orphan), nullptr);
  EXPECT_GT(FinalCpuSeconds(), 0.002);
  close(told[0]);
  close(told[1]);
}

TEST_F(TaskEndsTest, TheThreadsOfAProcessCountTogether) {
  TrackSelf();
  signal(SIGCHLD, SIG_IGN);
  const pid_t pid = fork();
  if (pid == 0) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        timespec used{};
        do {
          clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        } while (used.tv_nsec < 20'000'000);
      });
    }
    for (std::thread& thread : threads) thread.join();
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
  ASSERT_NE(Await(Kind::kExit, pid), nullptr);
  signal(SIGCHLD, SIG_DFL);
  EXPECT_GE(FinalCpuSeconds(), 0.08);
  EXPECT_LT(FinalCpuSeconds(), 0.12);
}

}  // namespace
}  // namespace agent_exporter::kernel

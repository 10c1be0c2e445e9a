// The proc connector of the real kernel. Where it cannot be used (no CAP_NET_ADMIN on an older kernel,
// another namespace) these skip, saying why.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/netlink_fixture.h"

namespace agent_exporter::kernel {
namespace {

TEST_F(NetlinkEventsTest, FiveThousandShortLivedChildrenAreAllSeen) {
  TrackSelf();
  std::vector<pid_t> pids;
  for (int i = 0; i < 5000; ++i) {
    pids.push_back(RunChild([] {}));
    if (i % 500 == 0) {
      ASSERT_TRUE(events_->Drain(&seen_).ok());
    }
  }
  ASSERT_NE(Await(Kind::kExit, pids.back()), nullptr);
  EXPECT_EQ(Count(Kind::kFork, getpid()), 5000u);
  size_t exits = 0;
  for (const ProcessEvent& event : seen_) exits += event.kind == Kind::kExit ? 1 : 0;
  EXPECT_EQ(exits, 5000u);
  EXPECT_EQ(events_->lost(), 0u);
}

TEST_F(NetlinkEventsTest, HowAProcessEndedIsTold) {
  TrackSelf();
  const pid_t coded = RunChild([] { _exit(3); });
  const pid_t killed = RunChild([] { raise(SIGKILL); });
  const ProcessEvent* signal = Await(Kind::kExit, killed);
  ASSERT_NE(signal, nullptr);
  EXPECT_TRUE(WIFSIGNALED(signal->status) && WTERMSIG(signal->status) == SIGKILL) << signal->status;
  const ProcessEvent* code = Find(Kind::kExit, coded);
  ASSERT_NE(code, nullptr);
  EXPECT_TRUE(WIFEXITED(code->status) && WEXITSTATUS(code->status) == 3) << code->status;
  EXPECT_EQ(code->key.start_ticks, 0u);
}

TEST_F(NetlinkEventsTest, AZombieHasEnded) {
  TrackSelf();
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_NE(Await(Kind::kExit, pid), nullptr);
  waitpid(pid, nullptr, 0);
}

TEST_F(NetlinkEventsTest, GrandchildrenOfADeadParentAreTold) {
  TrackSelf();
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = RunChild([&] {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      alarm(60);  // should the test fail first
      pause();
      _exit(0);
    }
    if (write(told[1], &grandchild, sizeof(grandchild)) < 0) _exit(1);
  });
  pid_t grandchild = 0;
  ASSERT_EQ(read(told[0], &grandchild, sizeof(grandchild)), static_cast<ssize_t>(sizeof(grandchild)));
  const ProcessEvent* forked = Await(Kind::kFork, grandchild);
  ASSERT_NE(forked, nullptr);
  EXPECT_EQ(forked->parent, child);
  ASSERT_NE(Await(Kind::kExit, child), nullptr);
  kill(grandchild, SIGKILL);
  const ProcessEvent* ended = Await(Kind::kExit, grandchild);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status, SIGKILL);
  close(told[0]);
  close(told[1]);
}

TEST_F(NetlinkEventsTest, AnExecIsToldWhoeverDoesIt) {
  const pid_t pid = RunChild([] { execl("/bin/true", "true", nullptr); });  // nothing is tracked
  EXPECT_NE(Await(Kind::kExec, pid), nullptr);
}

TEST_F(NetlinkEventsTest, ThreadsAreNoProcesses) {
  TrackSelf();
  for (int i = 0; i < 50; ++i) std::thread([] {}).join();
  const pid_t marker = RunChild([] {});
  ASSERT_NE(Await(Kind::kExit, marker), nullptr);
  EXPECT_EQ(Count(Kind::kFork, getpid()), 1u);
  EXPECT_EQ(Find(Kind::kExit, getpid()), nullptr);
}

TEST_F(NetlinkEventsTest, AProcessOutlivesItsMainThread) {
  TrackSelf();
  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    close(go_on[1]);
    std::thread([&] {
      char byte = 0;
      if (read(go_on[0], &byte, 1) == 0) _exit(0);
    }).detach();
    syscall(SYS_exit, 0);  // this thread alone; pthread_exit would unwind through the test
  }
  close(go_on[0]);
  // The main thread is a zombie from here on.
  const auto main_thread_state = [pid] {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    return line[line.rfind(')') + 2];
  };
  while (main_thread_state() != 'Z') std::this_thread::yield();
  const pid_t marker = RunChild([] {});
  ASSERT_NE(Await(Kind::kExit, marker), nullptr);
  EXPECT_EQ(Find(Kind::kExit, pid), nullptr);
  close(go_on[1]);
  EXPECT_NE(Await(Kind::kExit, pid), nullptr);
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(Count(Kind::kExit, pid), 1u);
}

TEST_F(NetlinkEventsTest, AnExecByAnotherThreadIsNoEnd) {
  TrackSelf();
  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    close(go_on[1]);
    dup2(go_on[0], 0);
    std::thread([] { execl("/bin/cat", "cat", nullptr); }).join();
    _exit(127);
  }
  close(go_on[0]);
  ASSERT_NE(Await(Kind::kExec, pid), nullptr);
  const pid_t marker = RunChild([] {});
  ASSERT_NE(Await(Kind::kExit, marker), nullptr);
  EXPECT_EQ(Find(Kind::kExit, pid), nullptr);
  close(go_on[1]);
  waitpid(pid, nullptr, 0);
  const ProcessEvent* ended = Await(Kind::kExit, pid);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status, 0);
  EXPECT_EQ(Count(Kind::kExit, pid), 1u);
}

TEST_F(NetlinkEventsTest, OthersForksAndExitsAreNotTold) {
  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  const pid_t own = fork();
  if (own == 0) {
    char byte = 0;
    _exit(read(go_on[0], &byte, 1) == 1 ? 0 : 1);
  }
  ASSERT_TRUE(events_->Track({{ProcessKey{own, 0}}}).ok());
  const pid_t stranger = RunChild([] {});  // this process is none of its own
  ASSERT_EQ(write(go_on[1], "x", 1), 1);
  waitpid(own, nullptr, 0);
  close(go_on[0]);
  close(go_on[1]);
  ASSERT_NE(Await(Kind::kExit, own), nullptr);
  EXPECT_EQ(Find(Kind::kFork, stranger), nullptr);
  EXPECT_EQ(Find(Kind::kExit, stranger), nullptr);
}

TEST_F(NetlinkEventsTest, AProcessWhoseOwnForkIsStillQueuedCanBeTracked) {
  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  const pid_t pid = fork();  // by an untracked parent, and not drained before Track
  if (pid == 0) {
    char byte = 0;
    if (read(go_on[0], &byte, 1) != 1) _exit(1);
    RunChild([] {});
    _exit(0);
  }
  ASSERT_TRUE(events_->Track({{ProcessKey{pid, 0}}}).ok());
  ASSERT_EQ(write(go_on[1], "x", 1), 1);
  waitpid(pid, nullptr, 0);
  ASSERT_NE(Await(Kind::kExit, pid), nullptr);
  EXPECT_EQ(Count(Kind::kFork, pid), 1u);
  close(go_on[0]);
  close(go_on[1]);
}

TEST_F(NetlinkEventsTest, WhatWasForkedSinceTheLastDrainIsToldOnceTheParentIsTracked) {
  const pid_t child = RunChild([] {});
  TrackSelf();
  EXPECT_NE(Await(Kind::kFork, child), nullptr);
  EXPECT_NE(Await(Kind::kExit, child), nullptr);
}

TEST_F(NetlinkEventsTest, WhatAStrangerDidOfLateIsToldOnceItIsTracked) {
  const pid_t coded = RunChild([] { _exit(3); });
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = RunChild([&] {
    const pid_t orphan = fork();
    if (orphan == 0) {
      alarm(60);
      pause();
      _exit(0);
    }
    if (write(told[1], &orphan, sizeof(orphan)) < 0) _exit(1);
  });
  pid_t orphan = 0;
  ASSERT_EQ(read(told[0], &orphan, sizeof(orphan)), static_cast<ssize_t>(sizeof(orphan)));
  close(told[0]);
  close(told[1]);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(events_->Drain(&seen_).ok());
  ASSERT_EQ(Find(Kind::kFork, child), nullptr) << "nobody asked for it yet";
  TrackSelf();
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  ASSERT_NE(Find(Kind::kExit, coded), nullptr);
  EXPECT_EQ(Find(Kind::kExit, coded)->status, 3 << 8);
  const bool has_peak = Find(Kind::kExit, coded)->max_resident_bytes > 0;
  EXPECT_EQ(has_peak, CheckTaskstats().ok());
  EXPECT_EQ(Count(Kind::kFork, getpid()), 2u);
  ASSERT_NE(Find(Kind::kFork, orphan), nullptr);
  EXPECT_EQ(Find(Kind::kFork, orphan)->parent, child);
  ASSERT_NE(Find(Kind::kExit, child), nullptr);
  kill(orphan, SIGKILL);
  ASSERT_NE(Await(Kind::kExit, orphan), nullptr) << "it is told of from now on";
  TrackSelf();
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  EXPECT_EQ(Count(Kind::kExit, coded), 1u) << "but once";
}

TEST_F(NetlinkEventsTest, WhatItsParentDidBeforeIsNotTold) {
  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  const pid_t before = RunChild([] {});
  const pid_t pid = fork();
  if (pid == 0) {
    char byte = 0;
    _exit(read(go_on[0], &byte, 1) == 1 ? 0 : 1);
  }
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  ASSERT_TRUE(events_->Track({{ProcessKey{pid, 0}}}).ok());
  ASSERT_EQ(write(go_on[1], "x", 1), 1);
  waitpid(pid, nullptr, 0);
  close(go_on[0]);
  close(go_on[1]);
  ASSERT_NE(Await(Kind::kExit, pid), nullptr);
  EXPECT_EQ(Find(Kind::kFork, before), nullptr) << "its parent is nobody's";
}

TEST_F(NetlinkEventsTest, WhatFindsNoRoomIsCounted) {
  events_.reset();
  Make(1);  // the kernel's minimum: a few events
  TrackSelf();
  for (int i = 0; i < 300; ++i) RunChild([] {});
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  const uint64_t lost = events_->lost();
  // Each child is a fork and an exit; other processes of the host may have lost more.
  EXPECT_GE(lost + seen_.size(), 600u);
  EXPECT_GT(lost, 300u);
  EXPECT_GT(seen_.size(), 0u);
  // It goes on afterwards. In so little room a stranger's events may push ours out, hence some tries.
  bool goes_on = false;
  for (int i = 0; i < 100 && !goes_on; ++i) {
    const pid_t later = RunChild([] {});
    ASSERT_TRUE(events_->Drain(&seen_).ok());
    goes_on = Find(Kind::kFork, later) != nullptr;
  }
  EXPECT_TRUE(goes_on);
  EXPECT_GE(events_->lost(), lost);
}

TEST_F(NetlinkEventsTest, TwoAtOnceDoNotDisturbEachOther) {
  auto other = MakeNetlinkEvents(proc_, kNetlinkReceiveBuffer);
  ASSERT_TRUE(other.ok()) << other.status();
  other->reset();
  TrackSelf();
  const pid_t pid = RunChild([] {});
  EXPECT_NE(Await(Kind::kExit, pid), nullptr);
}

TEST(NetlinkEventsElsewhere, IsRefusedInOneLine) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make namespaces";
  for (const int flag : {CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER}) {
    int status = 0;
    RunChild(
        [flag] {
          if (unshare(flag) != 0) _exit(2);
          int inner = 0;
          RunChild(  // a new pid namespace is the children's
              [] {
                const RootedReader proc("/proc");
                const auto events = MakeNetlinkEvents(proc);
                // Before 6.6 the missing capability of another user namespace is what is noticed first.
                const bool refused =
                    absl::IsFailedPrecondition(events.status()) || absl::IsPermissionDenied(events.status());
                _exit(refused && !events.status().message().empty() ? 7 : 1);
              },
              &inner);
          _exit(WEXITSTATUS(inner));
        },
        &status);
    if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "namespaces cannot be made here";
    EXPECT_EQ(WEXITSTATUS(status), 7) << flag;
  }
}

}  // namespace
}  // namespace agent_exporter::kernel

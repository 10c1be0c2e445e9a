// The BPF maker of ProcessEvents on the real kernel.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>
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
  // Of processes below those that were asked for. Whatever else on this host has just run execve is told of
  // as well.
  size_t Count(ProcessEvent::Kind kind) const {
    const std::set<ProcessKey> ours = Ours();
    size_t count = 0;
    for (const ProcessEvent& event : seen_) count += event.kind == kind && ours.contains(event.key) ? 1 : 0;
    return count;
  }
  std::set<ProcessKey> Ours() const {
    std::set<ProcessKey> ours;
    for (const ProcessEvent& event : seen_) {
      if (event.kind == ProcessEvent::Kind::kFork && !event.tentative) ours.insert(event.key);
    }
    return ours;
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
    const std::set<ProcessKey> ours = Ours();
    std::map<pid_t, LastCpu> last;
    for (const ProcessEvent& event : seen_) {
      if (event.cpu && ours.contains(event.key)) last[event.key.pid] = *event.cpu;
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

// A shell that runs `script`, with a pipe of ours as its stdin; nobody asked for its events.
class Shell {
 public:
  explicit Shell(const char* script) {
    int input[2];
    if (pipe(input) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input[0], 0);
      close(input[0]);
      close(input[1]);
      execl("/bin/sh", "a name with blanks", "-c", script, nullptr);
      _exit(127);
    }
    close(input[0]);
    input_ = input[1];
  }
  ~Shell() {
    GoOn();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  void GoOn() {
    if (input_ >= 0) close(std::exchange(input_, -1));
  }
  void Wait() {
    GoOn();
    waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
};

class BpfCandidatesTest : public BpfEventsTest {
 protected:
  void SetUp() override {
    BpfEventsTest::SetUp();
    if (IsSkipped()) return;
    events_.reset();
    auto fresh = MakeBpfEvents(kTicks);  // nothing is tracked
    ASSERT_TRUE(fresh.ok());
    events_ = *std::move(fresh);
  }
  void DrainUntilExec(pid_t pid) {
    DrainUntil([&] { return Find(ProcessEvent::Kind::kExec, pid) != nullptr; });
    ASSERT_NE(Find(ProcessEvent::Kind::kExec, pid), nullptr);
  }
};

TEST_F(BpfCandidatesTest, AnExecTellsWhoTheNewProgramIs) {
  Shell shell("read line; exit 0");
  DrainUntilExec(shell.pid());
  const ProcessEvent& exec = *Find(ProcessEvent::Kind::kExec, shell.pid());
  const ProcessStat stat = ByPid(*procfs_).at(shell.pid());
  EXPECT_EQ(exec.key, stat.key);
  EXPECT_EQ(exec.parent, getpid());
  EXPECT_EQ(exec.comm, "sh");
  ASSERT_NE(exec.program, nullptr);
  EXPECT_EQ(exec.program->argv, (std::vector<std::string>{"a name with blanks", "-c", "read line; exit 0"}));
  EXPECT_FALSE(exec.program->argv_cut);
  EXPECT_EQ(exec.program->path, "/bin/sh");
  EXPECT_EQ(exec.program->session, stat.session);
  EXPECT_EQ(exec.program->start_stack, stat.start_stack);
  EXPECT_EQ(exec.program->uid, getuid());
}

TEST_F(BpfCandidatesTest, LongArgumentsAreCut) {
  const std::string script = "exit 0 # " + std::string(2000, 'x');
  Shell shell(script.c_str());
  DrainUntilExec(shell.pid());
  const ProcessEvent& exec = *Find(ProcessEvent::Kind::kExec, shell.pid());
  ASSERT_NE(exec.program, nullptr);
  EXPECT_TRUE(exec.program->argv_cut);
  ASSERT_EQ(exec.program->argv.size(), 3u);
  EXPECT_GT(exec.program->argv[2].size(), 400u);
  EXPECT_EQ(script.find(exec.program->argv[2]), 0u);
}

TEST_F(BpfCandidatesTest, WhatWasGoneBeforeAnybodyLookedIsToldWhole) {
  Shell shell("(exit 5); exit 3");
  const pid_t pid = shell.pid();
  shell.Wait();
  DrainUntil([&] { return Find(ProcessEvent::Kind::kExit, pid) != nullptr; });
  const ProcessEvent* ended = Find(ProcessEvent::Kind::kExit, pid);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->status, 3 << 8);
  EXPECT_TRUE(ended->cpu.has_value()) << "no watched parent's cutime shows it";
  pid_t child = 0;
  for (const ProcessEvent& event : seen_) {
    if (event.kind == ProcessEvent::Kind::kFork && event.parent == pid) {
      child = event.key.pid;
      EXPECT_TRUE(event.tentative);
    }
  }
  ASSERT_NE(child, 0);
  ASSERT_NE(Find(ProcessEvent::Kind::kExit, child), nullptr);
  EXPECT_EQ(Find(ProcessEvent::Kind::kExit, child)->status, 5 << 8);
}

TEST_F(BpfCandidatesTest, OneThatNobodyTakesIsForgotten) {
  Shell shell("read line; (exit 5); exit 3");
  const pid_t pid = shell.pid();
  DrainUntilExec(pid);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(events_->Drain(&seen_).ok());
  seen_.clear();
  shell.Wait();
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  EXPECT_EQ(Find(ProcessEvent::Kind::kExit, pid), nullptr);
  for (const ProcessEvent& event : seen_) EXPECT_NE(event.parent, pid);
}

TEST_F(BpfCandidatesTest, OneThatIsTakenStays) {
  Shell shell("read line; (exit 5); exit 3");
  const pid_t pid = shell.pid();
  DrainUntilExec(pid);
  ASSERT_TRUE(events_->Track({{Find(ProcessEvent::Kind::kExec, pid)->key}}).ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(events_->Drain(&seen_).ok());
  shell.Wait();
  DrainUntil([&] { return Find(ProcessEvent::Kind::kExit, pid) != nullptr; });
  ASSERT_NE(Find(ProcessEvent::Kind::kExit, pid), nullptr);
  ASSERT_EQ(Count(ProcessEvent::Kind::kFork), 1u);
}

TEST_F(BpfCandidatesTest, AnotherProcessThatSharesNothingIsNotTold) {
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

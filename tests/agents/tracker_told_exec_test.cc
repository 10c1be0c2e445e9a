// The Tracker told of execs with their programs: agents that no sample saw.

#include "tests/agents/tracker_events_fixture.h"

namespace agent_exporter::agents {
namespace {

// An execve, as bpf tells it.
class ToldExecTest : public TrackerEventsTest {
 protected:
  void Exec(pid_t pid, const std::string& comm) {
    t_.host.Exec(pid, comm);
    auto program = std::make_shared<kernel::Program>();
    program->start_stack = t_.host.at(pid).start_stack;
    program->argv = {comm};
    Tell({.kind = Kind::kExec,
          .key = t_.host.at(pid).key,
          .parent = t_.host.at(pid).ppid,
          .comm = comm,
          .program = std::move(program)});
  }
  void ForkOfCandidate(pid_t pid, pid_t parent) {
    t_.host.Fork(pid, parent);
    Tell({.kind = Kind::kFork,
          .key = t_.host.at(pid).key,
          .parent = parent,
          .comm = t_.host.at(pid).comm,
          .tentative = true});
  }
  void End(pid_t pid, int status) {
    Exit(pid, status);
    t_.host.ExitAndReap(pid);
  }
  // As the observer does it: asks for their events.
  std::vector<kernel::ProcessKey> TakeUntracked() { return t_.tracker().TakeUntracked(&disagreements_); }
  const AgentCounters& Claude() const { return t_.Counters("claude"); }
};

TEST_F(ToldExecTest, TenLivesThatNoLookSawAreTenEnds) {
  for (pid_t pid = 20; pid < 30; ++pid) {
    t_.host.Add(pid, 1, "sh");
    Exec(pid, "claude");
    End(pid, 1 << 8);
    if (pid % 4 == 3) Look();
  }
  Look();
  EXPECT_EQ(Claude().exits, (std::map<ExitCategory, uint64_t>{{ExitCategory::kPluginError, 10}}));
  EXPECT_EQ(Claude().restarts, 9u);
  EXPECT_EQ(t_.tracker().members().size(), 1u) << "codex";
}

TEST_F(ToldExecTest, ALifeThatNoLookSawCountsWithItsCpuAndItsChildrens) {
  t_.host.Add(20, 1, "sh");
  Exec(20, "claude");
  ForkOfCandidate(21, 20);
  Exec(21, "git");
  Tell({.kind = Kind::kExit,
        .key = t_.host.at(21).key,
        .cpu = kernel::LastCpu{{19 * kMs, 0}, kernel::CpuTimes{}}});
  Tell({.kind = Kind::kFinalCpu,
        .key = t_.host.at(21).key,
        .cpu = kernel::LastCpu{{20 * kMs, 0}, kernel::CpuTimes{}}});
  t_.host.Run(21, 20 * kMs);
  t_.host.ExitAndReap(21);
  const kernel::LastCpu last = {{5 * kMs, 0}, kernel::CpuTimes{20 * kMs, 0}};
  Tell({.kind = Kind::kExit, .key = t_.host.at(20).key, .status = SIGKILL, .cpu = last});
  Tell({.kind = Kind::kFinalCpu, .key = t_.host.at(20).key, .cpu = last});
  t_.host.ExitAndReap(20);
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Claude().self_cpu.total_ns(), 5 * kMs);
  EXPECT_EQ(Claude().descendants_cpu.total_ns(), 20 * kMs)
      << "told by the child and by its parent, counted once";
  EXPECT_EQ(Claude().descendants_started, 1u);
  EXPECT_EQ(Claude().descendants_exited, (std::map<std::string, uint64_t>{{"ok", 1}}));
}

TEST_F(ToldExecTest, WhatItOrphanedInItsFirstSecondIsItsOrphan) {
  t_.host.Add(20, 1, "sh");
  Exec(20, "claude");
  ForkOfCandidate(21, 20);
  ForkOfCandidate(22, 21);
  End(21, 0);
  Look();
  ASSERT_TRUE(t_.IsRoot(20));
  ASSERT_EQ(t_.AgentOf(22), "claude");
  EXPECT_TRUE(t_.Member(22)->orphan);
  EXPECT_EQ(TakeUntracked().size(), 2u) << "the maker would soon forget them";
  EXPECT_EQ(disagreements_, 0u);
}

TEST_F(ToldExecTest, OneThatOnlyALookRecognisesHasWhatItDidBefore) {
  t_.host.Add(20, 1, "sh");
  Exec(20, "node");
  ForkOfCandidate(21, 20);
  ForkOfCandidate(22, 21);
  End(21, 0);
  ForkOfCandidate(23, 20);
  End(23, 1 << 8);
  t_.host.at(20).comm = "claude";  // by prctl
  Look();
  ASSERT_TRUE(t_.IsRoot(20));
  ASSERT_FALSE(TakeUntracked().empty());
  t_.tracker().ApplyEvents({});
  t_.Look();
  ASSERT_EQ(t_.AgentOf(22), "claude");
  EXPECT_TRUE(t_.Member(22)->orphan);
  EXPECT_EQ(Claude().descendants_started, 3u);
  EXPECT_EQ(Claude().descendants_exited, (std::map<std::string, uint64_t>{{"ok", 1}, {"error", 1}}));
  EXPECT_EQ(TakeUntracked(), (std::vector<kernel::ProcessKey>{t_.host.at(22).key}));
}

TEST_F(ToldExecTest, ANestedAgentThatNoLookSawIsCountedAsItself) {
  Fork(11, 10);
  Exec(11, "claude");
  Fork(12, 11);
  End(12, 0);
  End(11, 3 << 8);
  Look();
  EXPECT_EQ(Claude().exits, (std::map<ExitCategory, uint64_t>{{ExitCategory::kUnknown, 1}}));
  EXPECT_EQ(Claude().descendants_started, 1u);
  EXPECT_TRUE(Codex().descendants_exited.empty());
}

TEST_F(ToldExecTest, WhoeverIsNobodysIsNotRemembered) {
  const uint64_t before = t_.tracker().process_count();
  for (pid_t pid = 20; pid < 25; ++pid) {
    t_.host.Add(pid, 1, "sh");
    Exec(pid, "make");
    ForkOfCandidate(pid + 10, pid);
    End(pid + 10, 0);
    End(pid, 0);
  }
  Look();
  EXPECT_EQ(t_.tracker().process_count(), before);
}

TEST_F(ToldExecTest, ARootThatExecsIntoAnotherProgramIsNoneAtOnce) {
  Exec(10, "vim");
  Fork(11, 10);
  Look();
  EXPECT_EQ(t_.AgentOf(10), "");
  EXPECT_EQ(t_.AgentOf(11), "");
  EXPECT_EQ(Codex().descendants_started, 0u);
}

TEST_F(ToldExecTest, ItsMatchIsNotAskedForAgainAtTheLook) {
  t_.host.Add(20, 1, "sh");
  Exec(20, "claude");
  t_.host.at(20).comm = "MainThread";
  Look();
  EXPECT_TRUE(t_.IsRoot(20));
}

}  // namespace
}  // namespace agent_exporter::agents

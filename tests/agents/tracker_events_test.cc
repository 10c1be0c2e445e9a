// The Tracker told of forks, execs and exits between its snapshots.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

constexpr int64_t kMs = 1'000'000;
using Kind = kernel::ProcessEvent::Kind;

// A codex agent with pid 10 whose events are told, as the Observer would have it after its first look.
class TrackerEventsTest : public testing::Test {
 protected:
  TrackerEventsTest() {
    t_.host.Add(10, 1, "codex");
    t_.Look();
    EXPECT_EQ(t_.tracker().TakeUntold(&disagreements_).size(), 1u);
    t_.tracker().ApplyEvents({});
  }

  void Fork(pid_t pid, pid_t parent) {
    t_.host.Fork(pid, parent);
    Tell({.kind = Kind::kFork, .key = t_.host.at(pid).key, .parent = parent, .comm = t_.host.at(pid).comm});
  }
  void Exit(pid_t pid, int status = 0) {
    Tell({.kind = Kind::kExit, .key = t_.host.at(pid).key, .status = status});
  }
  void Tell(kernel::ProcessEvent event) { t_.tracker().ApplyEvents({std::move(event)}); }

  // A look at the members only, as the observer makes it.
  void Look() {
    std::vector<kernel::ProcessStat> rows;
    for (const kernel::ProcessKey& key : t_.tracker().KeysToRead()) {
      if (t_.host.alive(key.pid) && (key.start_ticks == 0 || t_.host.at(key.pid).key == key)) {
        rows.push_back(t_.host.at(key.pid));
      }
    }
    t_.LookAt(std::move(rows), Walk::kMembers);
  }
  const AgentCounters& Codex() const { return t_.Counters("codex"); }

  TrackedHost t_{{TrackedHost::CommRule("codex"), TrackedHost::CommRule("claude")}};
  uint64_t disagreements_ = 0;
};

TEST_F(TrackerEventsTest, AChildThatNoLookEverSawIsCounted) {
  Fork(11, 10);
  t_.host.Run(11, 2 * kMs);
  Exit(11, 3 << 8);
  t_.host.ExitAndReap(11);
  Look();
  EXPECT_EQ(Codex().descendants_started, 1u);
  EXPECT_EQ(Codex().descendants_exited.at("error"), 1u);
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 2 * kMs);
  EXPECT_EQ(t_.tracker().members().size(), 1u);
}

TEST_F(TrackerEventsTest, HowItEndedIsTheReason) {
  for (pid_t pid = 11; pid < 14; ++pid) Fork(pid, 10);
  Exit(11, 0);
  Exit(12, SIGKILL);
  Tell({.kind = Kind::kOom, .key = t_.host.at(13).key});
  Exit(13, SIGKILL);
  for (pid_t pid = 11; pid < 14; ++pid) t_.host.ExitAndReap(pid);
  Look();
  EXPECT_EQ(Codex().descendants_exited,
            (std::map<std::string, uint64_t>{{"ok", 1}, {"signal", 1}, {"oom", 1}}));
  EXPECT_EQ(Codex().oom_kills, 1u);
}

TEST_F(TrackerEventsTest, ADaemonForkedTwiceBetweenTwoLooksIsAnOrphan) {
  Fork(11, 10);
  Fork(12, 11);
  Exit(11);
  t_.host.ExitAndReap(11);
  Look();
  ASSERT_EQ(t_.AgentOf(12), "codex");
  EXPECT_TRUE(t_.Member(12)->orphan);
  Exit(10);
  t_.host.ExitAndReap(10);
  Look();
  EXPECT_EQ(t_.AgentOf(12), "codex");
}

TEST_F(TrackerEventsTest, AStrangerThatExecsIntoAnAgentIsFoundWithoutAWalk) {
  t_.host.Add(30, 1, "bash");
  Look();
  EXPECT_EQ(t_.AgentOf(30), "");
  t_.host.Exec(30, "claude");
  Tell({.kind = Kind::kExec, .key = t_.host.at(30).key});
  Look();
  EXPECT_TRUE(t_.IsRoot(30));
}

TEST_F(TrackerEventsTest, AnEndToldAfterTheLookThatMissedItCountsOnce) {
  Fork(11, 10);
  Look();
  const kernel::ProcessKey key = t_.host.at(11).key;
  t_.host.ExitAndReap(11);
  Look();
  EXPECT_TRUE(Codex().descendants_exited.empty());
  Tell({.kind = Kind::kExit, .key = key, .status = 0});
  Tell({.kind = Kind::kExit, .key = key, .status = 0});
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_exited, (std::map<std::string, uint64_t>{{"ok", 1}}));
}

TEST_F(TrackerEventsTest, AnEndThatIsNeverToldIsUnknown) {
  Fork(11, 10);
  Look();
  t_.host.ExitAndReap(11);
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_exited, (std::map<std::string, uint64_t>{{"unknown", 1}}));
}

TEST_F(TrackerEventsTest, FinalCpuOfAChildNobodyWaitsForCounts) {
  Fork(11, 10);
  t_.host.Run(11, 30 * kMs);
  Look();
  t_.host.Run(11, 12 * kMs);
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(11);
  t_.host.Vanish(11);
  Look();
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
  Look();
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 42 * kMs);
}

TEST_F(TrackerEventsTest, FinalCpuThatAParentShowsAfterAllCountsOnce) {
  Fork(11, 10);
  t_.host.Run(11, 30 * kMs);
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(11);
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{30 * kMs, 0}, {}}});
  t_.host.ExitAndReap(11);  // waited for by codex
  Look();
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 30 * kMs);
}

TEST_F(TrackerEventsTest, FinalCpuToldLateThatAParentShowsAfterAllCountsOnce) {
  Fork(11, 10);
  t_.host.Run(11, 30 * kMs);
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(11);
  t_.host.Vanish(11);
  Look();
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{30 * kMs, 0}, {}}});
  t_.host.at(10).children_cpu.user_ns += 30 * kMs;
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 30 * kMs);
}

// An exit that tells what was used by then, of a child nobody waits for.
TEST_F(TrackerEventsTest, WhatAnExitToldCountsOnceTheFinalCpuStayedAway) {
  Fork(11, 10);
  Look();
  const kernel::ProcessKey key = t_.host.at(11).key;
  Tell({.kind = Kind::kExit, .key = key, .cpu = kernel::LastCpu{{40 * kMs, 0}, {}}});
  t_.host.Vanish(11);
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 0) << "the final figure may still come";
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 40 * kMs);
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 40 * kMs) << "too late";
}

TEST_F(TrackerEventsTest, TheFinalCpuReplacesWhatTheExitTold) {
  for (const bool gone_before : {false, true}) {
    const int64_t before = Codex().descendants_cpu.total_ns();
    Fork(11, 10);
    Look();
    const kernel::ProcessKey key = t_.host.at(11).key;
    if (gone_before) {
      t_.host.Vanish(11);
      Look();
    }
    Tell({.kind = Kind::kExit, .key = key, .cpu = kernel::LastCpu{{43 * kMs, 0}, {}}});
    Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
    if (!gone_before) t_.host.Vanish(11);
    for (int i = 0; i < 5; ++i) Look();
    EXPECT_EQ(Codex().descendants_cpu.total_ns() - before, 42 * kMs) << gone_before;
  }
}

// 10 ignores SIGCHLD; 11 waits for 12, which was seen with 30 of its 50 ms.
class NestedTest : public TrackerEventsTest, public testing::WithParamInterface<bool> {};

TEST_P(NestedTest, WhatAChildNobodyWaitsForWaitedForCountsOnce) {
  Fork(11, 10);
  Fork(12, 11);
  t_.host.Run(12, 30 * kMs);
  Look();
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(12);
  t_.host.Vanish(12);
  t_.host.Vanish(11);
  const bool seen_gone_before_it_is_told = GetParam();
  if (seen_gone_before_it_is_told) Look();
  Tell(
      {.kind = Kind::kExit, .key = key, .cpu = kernel::LastCpu{{5 * kMs, 0}, kernel::CpuTimes{50 * kMs, 0}}});
  Tell({.kind = Kind::kFinalCpu,
        .key = key,
        .cpu = kernel::LastCpu{{5 * kMs, 0}, kernel::CpuTimes{50 * kMs, 0}}});
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 55 * kMs);
}

INSTANTIATE_TEST_SUITE_P(SeenGone, NestedTest, testing::Bool());

TEST_F(TrackerEventsTest, WhatSuchAChildWaitedForIsNotOwedByItsParent) {
  Fork(11, 10);
  Fork(12, 11);
  t_.host.Run(12, 30 * kMs);
  Fork(13, 10);
  Look();
  Exit(12);
  Tell({.kind = Kind::kFinalCpu,
        .key = t_.host.at(11).key,
        .cpu = kernel::LastCpu{{0, 0}, kernel::CpuTimes{30 * kMs, 0}}});
  t_.host.Vanish(12);
  t_.host.Vanish(11);
  // In the same look 10 waits for another child, of which nothing was counted yet.
  t_.host.Run(13, 20 * kMs);
  Exit(13);
  t_.host.ExitAndReap(13);
  for (int i = 0; i < 3; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 50 * kMs);
}

// 11 ends without waiting for 12, a zombie by then, and is itself waited for by 10.
struct Abandoned {
  bool seen_alive;
  bool told_late;
};
class AbandonedTest : public TrackerEventsTest, public testing::WithParamInterface<Abandoned> {};

TEST_P(AbandonedTest, AZombieThatItsParentLeftHidesNobodyElsesTime) {
  Fork(11, 10);
  Fork(12, 11);
  t_.host.Run(12, 30 * kMs);
  if (GetParam().seen_alive) Look();
  t_.host.Run(11, 5 * kMs);
  const kernel::ProcessEvent last = {.kind = Kind::kFinalCpu,
                                     .key = t_.host.at(12).key,
                                     .cpu = kernel::LastCpu{{30 * kMs, 0}, kernel::CpuTimes{}}};
  Exit(12);
  Exit(11);
  t_.host.Vanish(12);
  t_.host.ExitAndReap(11);
  if (!GetParam().told_late) Tell(last);
  Look();
  if (GetParam().told_late) Tell(last);
  // Another child's time shows before the debt would lapse.
  Fork(13, 10);
  t_.host.Run(13, 20 * kMs);
  Exit(13);
  t_.host.ExitAndReap(13);
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 55 * kMs);
}

INSTANTIATE_TEST_SUITE_P(, AbandonedTest,
                         testing::Values(Abandoned{false, false}, Abandoned{false, true},
                                         Abandoned{true, false}, Abandoned{true, true}));

TEST_F(TrackerEventsTest, APidTakenAgainBetweenTwoLooksIsTwoProcesses) {
  Fork(11, 10);
  Exit(11);
  t_.host.ExitAndReap(11);
  Fork(11, 10);
  Look();
  EXPECT_EQ(Codex().descendants_started, 2u);
  EXPECT_EQ(Codex().descendants_exited.at("ok"), 1u);
  EXPECT_EQ(t_.tracker().members().size(), 2u);
}

TEST_F(TrackerEventsTest, WithoutStartTimesTheSame) {
  // As the proc connector tells it.
  for (int round = 0; round < 3; ++round) {
    t_.host.Fork(11, 10);
    Tell({.kind = Kind::kFork, .key = {11, 0}, .parent = 10});
    if (round == 1) Look();
    Tell({.kind = Kind::kExit, .key = {11, 0}, .status = 0});
    t_.host.ExitAndReap(11);
  }
  Look();
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_started, 3u);
  EXPECT_EQ(Codex().descendants_exited, (std::map<std::string, uint64_t>{{"ok", 3}}));
}

// Strangers' ends are not told: only a full walk would notice that this pid is free again.
TEST_F(TrackerEventsTest, WithoutStartTimesAStrangersPidIsTakenAgain) {
  t_.host.Add(11, 1, "stranger");
  t_.Look();
  t_.host.ExitAndReap(11);
  t_.host.Fork(11, 10);
  Tell({.kind = Kind::kFork, .key = {11, 0}, .parent = 10});
  Tell({.kind = Kind::kExit, .key = {11, 0}, .status = 0});
  t_.host.ExitAndReap(11);
  Look();
  EXPECT_EQ(Codex().descendants_started, 1u);
  EXPECT_EQ(Codex().descendants_exited, (std::map<std::string, uint64_t>{{"ok", 1}}));
}

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
  std::vector<kernel::ProcessKey> TakeUntold() { return t_.tracker().TakeUntold(&disagreements_); }
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
  EXPECT_EQ(TakeUntold().size(), 2u) << "the maker would soon forget them";
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
  ASSERT_FALSE(TakeUntold().empty());
  t_.tracker().ApplyEvents({});
  t_.Look();
  ASSERT_EQ(t_.AgentOf(22), "claude");
  EXPECT_TRUE(t_.Member(22)->orphan);
  EXPECT_EQ(Claude().descendants_started, 3u);
  EXPECT_EQ(Claude().descendants_exited, (std::map<std::string, uint64_t>{{"ok", 1}, {"error", 1}}));
  EXPECT_EQ(TakeUntold(), (std::vector<kernel::ProcessKey>{t_.host.at(22).key}));
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

TEST_F(TrackerEventsTest, ADescendantThatEventsMissedIsADisagreement) {
  Look();
  Look();
  t_.host.Fork(11, 10);  // not told
  t_.Look();
  EXPECT_EQ(disagreements_, 0u);
  EXPECT_EQ(t_.tracker().TakeUntold(&disagreements_).size(), 1u);
  EXPECT_EQ(disagreements_, 1u);
}

TEST_F(TrackerEventsTest, ForksBelowAnotherAgentAreThatAgents) {
  Fork(11, 10);
  t_.host.Exec(11, "claude");
  Tell({.kind = Kind::kExec, .key = t_.host.at(11).key});
  Look();
  ASSERT_TRUE(t_.IsRoot(11));
  Fork(12, 11);
  Exit(12);
  t_.host.ExitAndReap(12);
  Look();
  EXPECT_EQ(t_.Counters("claude").descendants_started, 1u);
}

}  // namespace
}  // namespace agent_exporter::agents

// The Tracker told of forks, execs and exits: who belongs to which agent, and how it ended.

#include "tests/agents/tracker_events_fixture.h"

namespace agent_exporter::agents {
namespace {

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

TEST_F(TrackerEventsTest, ADescendantThatEventsMissedIsADisagreement) {
  Look();
  Look();
  t_.host.Fork(11, 10);  // not told
  t_.Look();
  EXPECT_EQ(disagreements_, 0u);
  EXPECT_EQ(t_.tracker().TakeUntracked(&disagreements_).size(), 1u);
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

// What of the Tracker outlives the exporter: one tracker's memory in the next one's first look.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

std::vector<Rule> CodexAndClaudeRules() {
  return {TrackedHost::CommRule("codex"), TrackedHost::CommRule("claude")};
}

class TrackerMemoryTest : public testing::Test {
 protected:
  TrackerMemoryTest() {
    t_.host.Add(10, 1, "codex");
    t_.host.Add(11, 10, "sh");
    t_.host.Add(12, 11, "loop");
    t_.host.Add(13, 12, "sleep");
    t_.Look();
    t_.host.ExitAndReap(11);
    t_.Look();
  }
  // The exporter anew, over the same processes; before its first look.
  std::unique_ptr<TrackedHost> Restarted(std::vector<Rule> rules = CodexAndClaudeRules()) {
    auto next =
        std::make_unique<TrackedHost>(std::move(rules), Tracker::Options{.start_ticks = t_.host.now() + 1});
    next->host = t_.host;
    next->tracker().Remember(t_.tracker().Memory());
    return next;
  }
  TrackedHost t_{CodexAndClaudeRules()};
};

TEST_F(TrackerMemoryTest, AnOrphanIsStillItsAgents) {
  ASSERT_TRUE(t_.Member(12)->orphan);
  const auto next = Restarted();
  next->Look();
  EXPECT_EQ(next->AgentOf(12), "codex");
  EXPECT_TRUE(next->Member(12)->orphan);
  EXPECT_EQ(next->AgentOf(13), "codex") << "what is below it, too";
  EXPECT_FALSE(next->Member(13)->orphan);
  EXPECT_EQ(next->tracker().Memory(), t_.tracker().Memory());
  EXPECT_EQ(next->Counters("codex").descendants_started, 0u);
}

TEST_F(TrackerMemoryTest, AlsoOfAnAgentThatIsGone) {
  t_.host.ExitAndReap(10);
  t_.Look();
  const auto next = Restarted();
  next->Look();
  EXPECT_EQ(next->AgentOf(12), "codex");
  EXPECT_TRUE(next->Member(12)->orphan);
}

TEST_F(TrackerMemoryTest, AStrangerWithItsPidIsNobodys) {
  const auto next = Restarted();
  next->host.ExitAndReap(12);
  next->host.Add(12, 1, "loop");
  next->Look();
  EXPECT_EQ(next->AgentOf(12), "");
}

TEST_F(TrackerMemoryTest, ARootThatHasAnotherNameByNowIsStillOne) {
  t_.host.at(10).comm = "MainThread";
  t_.Look();
  const auto next = Restarted();
  next->Look();
  EXPECT_TRUE(next->IsRoot(10));
  EXPECT_EQ(next->AgentOf(10), "codex");
  next->Look();
  EXPECT_TRUE(next->IsRoot(10));
}

TEST_F(TrackerMemoryTest, NotOnceItRunsAnotherProgram) {
  t_.host.at(10).comm = "MainThread";
  t_.Look();
  const auto next = Restarted();
  next->host.Exec(10, "vim");
  next->Look();
  EXPECT_EQ(next->AgentOf(10), "");
}

TEST_F(TrackerMemoryTest, NorWhenItsRuleIsGone) {
  t_.host.at(10).comm = "MainThread";
  t_.Look();
  Rule narrower = TrackedHost::CommRule("codex");
  narrower.user = {"0"};
  const auto next = Restarted({narrower});
  next->Look();
  EXPECT_FALSE(next->IsRoot(10));
}

TEST_F(TrackerMemoryTest, ASlotOfRunIsHandedOn) {
  t_.host.Add(5, 1, "run");
  t_.host.Add(20, 5, "sh");
  t_.tracker().Register({.key = t_.host.at(20).key,
                         .match = {.agent = "worker", .kind = "k", .slot = "1"},
                         .reaper = t_.host.at(5).key,
                         .helper = 7});
  t_.Look();
  const auto next = Restarted();
  next->Look();
  EXPECT_TRUE(next->IsRoot(20));
  EXPECT_EQ(next->Member(20)->group->slot, "1");
  next->host.Add(21, 5, "daemon");
  next->Look();
  EXPECT_EQ(next->AgentOf(21), "worker") << "the reaper is known";
}

TEST_F(TrackerMemoryTest, AChildWhoseParentEndedMeanwhileIsAnOrphan) {
  const auto next = Restarted();
  next->host.ExitAndReap(12);
  next->host.ExitAndReap(10);
  next->Look();
  EXPECT_EQ(next->AgentOf(13), "codex");
  EXPECT_TRUE(next->Member(13)->orphan);
}

TEST_F(TrackerMemoryTest, TheExporterItselfIsNotKept) {
  TrackedHost fresh(CodexAndClaudeRules(), {.self_pid = 9});
  fresh.host.Add(9, 1, "agent_exporter");
  fresh.host.Add(10, 1, "codex");
  fresh.host.Add(11, 10, "sh");
  fresh.Look();
  const auto memory = fresh.tracker().Memory();
  ASSERT_EQ(memory.size(), 2u);
  EXPECT_EQ(memory[0].kind, Remembered::Kind::kRoot);
  EXPECT_EQ(memory[0].key.pid, 10);
}

TEST(TmuxServer, IsNoOrphanOfTheAgentThatStartedIt) {
  TrackedHost t(CodexAndClaudeRules());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "tmux: client");
  t.host.Add(12, 11, "tmux: server");
  t.host.Add(13, 12, "bash");
  t.Look();
  t.host.ExitAndReap(11);
  t.Look();
  EXPECT_EQ(t.AgentOf(12), "codex");
  EXPECT_FALSE(t.Member(12)->orphan);
  EXPECT_EQ(t.AgentOf(13), "codex");
}

}  // namespace
}  // namespace agent_exporter::agents

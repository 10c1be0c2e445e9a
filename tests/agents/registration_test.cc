// Roots that are roots because whoever started them says so, and the records of roots that ended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Exits = std::map<ExitCategory, uint64_t>;

class RegistrationTest : public testing::Test {
 protected:
  RegistrationTest() {
    t_.host.Add(10, 1, "run");
    t_.host.Add(11, 10, "sh");
  }
  void Register(pid_t pid, const std::string& name, const std::string& slot = "1") {
    t_.tracker().Register({.key = t_.host.at(pid).key,
                           .match = {.agent = name, .slot = slot},
                           .reaper = t_.host.at(10).key,
                           .helper = 19});
  }
  std::vector<RootExit> Ended(const std::string& name) {
    for (const auto& [key, group] : t_.tracker().groups().groups()) {
      if (group->name == name) return group->ended;
    }
    return {};
  }

  TrackedHost t_{{TrackedHost::CommRule("codex")}};
};

TEST_F(RegistrationTest, ARegisteredProcessIsARootWhateverTheRulesSay) {
  Register(11, "worker");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(11), "worker");
  EXPECT_TRUE(t_.IsRoot(11));
  t_.host.Exec(11, "codex");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(11), "worker");
}

TEST_F(RegistrationTest, TakesAProcessThatIsKnownAlready) {
  t_.Look();
  Register(11, "worker");
  t_.Look();
  EXPECT_TRUE(t_.IsRoot(11));
}

TEST_F(RegistrationTest, WhatMatchesARuleBelowItStaysItsOwn) {
  Register(11, "worker");
  t_.host.Add(12, 11, "codex");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(12), "worker");
  EXPECT_FALSE(t_.IsRoot(12));
}

TEST_F(RegistrationTest, OneRegisteredBelowAnotherIsARootOfItsOwn) {
  Register(11, "worker");
  t_.host.Add(12, 11, "sh");
  Register(12, "inner", "2");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(12), "inner");
  EXPECT_TRUE(t_.IsRoot(12));
}

TEST_F(RegistrationTest, AnOrphanNobodySawBelowItsParentIsFoundAtTheReaper) {
  Register(11, "worker");
  t_.Look();
  t_.host.Add(15, 10, "daemon");
  t_.host.Add(19, 10, "helper");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(15), "worker");
  EXPECT_TRUE(t_.Member(15)->orphan);
  EXPECT_EQ(t_.AgentOf(19), "");
}

TEST_F(RegistrationTest, AStrangerWithItsPidIsNotTaken) {
  Register(11, "worker");
  t_.Look();
  t_.host.ExitAndReap(11);
  t_.host.Add(11, 1, "sh");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(11), "");
}

TEST_F(RegistrationTest, OneThatNeverTurnsUpIsForgotten) {
  const kernel::ProcessKey key = t_.host.at(11).key;
  Register(11, "worker");
  t_.host.ExitAndReap(11);
  for (int i = 0; i < 5; ++i) t_.Look();
  EXPECT_THAT(t_.tracker().KeysToRead(), testing::Not(testing::Contains(key)));
}

TEST_F(RegistrationTest, ATaskThatEndedBeforeTheFirstLookIsSeenAsAZombie) {
  Register(11, "worker");
  t_.host.Exit(11);
  t_.Look();
  ASSERT_TRUE(t_.tracker().RecordExit({t_.host.at(11).key, 1 << 8}));
  EXPECT_THAT(t_.Counters("worker").exits, ElementsAre(Pair(ExitCategory::kPluginError, 1u)));
}

TEST_F(RegistrationTest, AnEndToldByItsParentIsCountedOnce) {
  Register(11, "worker");
  t_.Look();
  EXPECT_TRUE(t_.tracker().RecordExit({t_.host.at(11).key, SIGKILL, false, 4096}));
  EXPECT_TRUE(t_.tracker().RecordExit({t_.host.at(11).key, SIGKILL}));
  t_.host.ExitAndReap(11);
  t_.Look();
  EXPECT_EQ(t_.Counters("worker").exits, (Exits{{ExitCategory::kOomHost, 1}}));
  ASSERT_EQ(Ended("worker").size(), 1u);
  EXPECT_EQ(Ended("worker")[0].max_resident_bytes, 4096u);
  EXPECT_EQ(Ended("worker")[0].comm, "sh");
}

TEST_F(RegistrationTest, TheEndOfARootThatNobodyToldOfIsUnobserved) {
  t_.host.Add(20, 1, "codex");
  t_.Look();
  t_.host.ExitAndReap(20);
  t_.Look();
  EXPECT_EQ(t_.Counters("codex").exits, (Exits{{ExitCategory::kUnobserved, 1}}));
}

TEST_F(RegistrationTest, EventsTellHowARootEnded) {
  t_.host.Add(20, 1, "codex");
  t_.Look();
  t_.tracker().ApplyEvents(
      {{.kind = kernel::ProcessEvent::Kind::kOom, .key = t_.host.at(20).key},
       {.kind = kernel::ProcessEvent::Kind::kExit, .key = t_.host.at(20).key, .status = SIGKILL}});
  t_.host.ExitAndReap(20);
  t_.Look();
  EXPECT_EQ(t_.Counters("codex").exits, (Exits{{ExitCategory::kOomHost, 1}}));
  ASSERT_EQ(Ended("codex").size(), 1u);
  EXPECT_EQ(Ended("codex")[0].oom.verdict, OomVerdict::kConfirmed);
}

TEST_F(RegistrationTest, AnOomEventConfirmsAnEndThatItsParentToldFirst) {
  Register(11, "worker");
  t_.Look();
  t_.tracker().RecordExit({t_.host.at(11).key, SIGKILL});
  t_.tracker().ApplyEvents({{.kind = kernel::ProcessEvent::Kind::kOom, .key = t_.host.at(11).key}});
  ASSERT_EQ(Ended("worker").size(), 1u);
  EXPECT_EQ(Ended("worker")[0].oom.verdict, OomVerdict::kConfirmed);
}

TEST_F(RegistrationTest, AnEventThatComesAfterTheRootWasSeenGoneStillCounts) {
  t_.host.Add(20, 1, "codex");
  t_.Look();
  const kernel::ProcessKey key = t_.host.at(20).key;
  t_.tracker().ApplyEvents({});
  t_.host.ExitAndReap(20);
  t_.Look();
  EXPECT_THAT(Ended("codex"), IsEmpty());
  t_.tracker().ApplyEvents({{.kind = kernel::ProcessEvent::Kind::kExit, .key = key, .status = 0}});
  t_.Look();
  EXPECT_EQ(t_.Counters("codex").exits, (Exits{{ExitCategory::kSuccess, 1}}));
}

TEST_F(RegistrationTest, AnEventThatNeverComesLeavesItUnobserved) {
  t_.host.Add(20, 1, "codex");
  t_.Look();
  t_.tracker().ApplyEvents({});
  t_.host.ExitAndReap(20);
  for (int i = 0; i < 5; ++i) t_.Look();
  EXPECT_EQ(t_.Counters("codex").exits, (Exits{{ExitCategory::kUnobserved, 1}}));
}

}  // namespace
}  // namespace agent_exporter::agents

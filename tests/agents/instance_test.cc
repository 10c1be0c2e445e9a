// A wrapper and the same agent's program directly below it: one instance, one life.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

using testing::IsEmpty;
using Exits = std::map<ExitCategory, uint64_t>;
using Kind = kernel::ProcessEvent::Kind;

constexpr int64_t kMillisecond = 1'000'000;

// 10 wraps 11.
class InstanceTest : public testing::Test {
 protected:
  InstanceTest() {
    t_.host.Add(10, 1, "codex");
    t_.host.Add(11, 10, "codex");
    t_.Look();
    t_.tracker().ApplyEvents({});  // ends are told
  }
  void Exit(pid_t pid, int status) {
    t_.tracker().ApplyEvents({{.kind = Kind::kExit, .key = t_.host.at(pid).key, .status = status}});
    t_.host.ExitAndReap(pid);
  }
  const AgentCounters& Codex() const { return t_.Counters("codex"); }
  std::vector<RootExit> Ended() {
    for (const auto& [key, group] : t_.tracker().groups().groups()) {
      if (group->name == "codex") return group->ended;
    }
    return {};
  }
  void LookAgain() {
    for (int i = 0; i < 6; ++i) t_.Look();
  }

  TrackedHost t_{{TrackedHost::CommRule("codex"), TrackedHost::CommRule("claude")}};
};

TEST_F(InstanceTest, BothAreSelf) {
  t_.host.Add(12, 11, "git");
  t_.host.Run(10, 10 * kMillisecond);
  t_.host.Run(11, 30 * kMillisecond);
  t_.host.Run(12, 5 * kMillisecond);
  t_.Look();
  EXPECT_EQ(Codex().self_cpu.total_ns(), 40 * kMillisecond);
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 5 * kMillisecond);
  EXPECT_TRUE(t_.Member(12)->direct_child);
  EXPECT_FALSE(t_.Member(11)->direct_child);
}

TEST_F(InstanceTest, ACopyOfTheRootIsNoProgram) {
  t_.host.Fork(20, 10);
  t_.host.Exit(11);
  t_.host.Reap(11);
  t_.Look();
  t_.Look();
  EXPECT_FALSE(t_.IsRoot(20));
}

TEST_F(InstanceTest, AWrapperHasOneProgramAtATime) {
  t_.host.Add(20, 10, "codex");
  t_.Look();
  EXPECT_TRUE(t_.IsRoot(11));
  EXPECT_FALSE(t_.IsRoot(20)) << "pupils that pile up are descendants";
}

TEST(InstanceOfAUserTest, ChildrenOfOneUserAreNoPrograms) {
  Rule rule;
  rule.name = "bot";
  rule.user = {"4711"};
  rule.except.comm = {"init"};
  rule.origin = "test";
  TrackedHost t({rule});
  t.uid = 4711;
  t.host.Add(10, 1, "python3");
  t.host.Add(11, 10, "sleep");
  t.host.Add(12, 10, "sleep");
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
  EXPECT_TRUE(t.Member(11)->direct_child);
  EXPECT_TRUE(t.Member(12)->direct_child);
}

TEST_F(InstanceTest, TheSignalOfTheProgramIsNotHiddenByTheWrappersCode) {
  const kernel::ProcessKey wrapper = t_.host.at(10).key, program = t_.host.at(11).key;
  Exit(11, SIGABRT);
  Exit(10, 1 << 8);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kOomHeap, 1}}));
  ASSERT_EQ(Ended().size(), 1u);
  EXPECT_EQ(Ended()[0].key, wrapper);
  EXPECT_EQ(Ended()[0].program, program);
  EXPECT_EQ(Codex().restarts, 0u);
}

TEST_F(InstanceTest, ALookBetweenTheTwoEndsDoesNotMatter) {
  Exit(11, SIGABRT);
  t_.Look();
  Exit(10, 134 << 8);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kOomHeap, 1}}));
}

TEST_F(InstanceTest, EndsThatAreToldAfterBothWereSeenGoneAreOneLife) {
  const kernel::ProcessKey wrapper = t_.host.at(10).key, program = t_.host.at(11).key;
  t_.host.ExitAndReap(11);
  t_.host.ExitAndReap(10);
  t_.Look();
  EXPECT_THAT(Codex().exits, IsEmpty());
  t_.tracker().ApplyEvents({{.kind = Kind::kExit, .key = program, .status = SIGABRT},
                            {.kind = Kind::kExit, .key = wrapper, .status = 1 << 8}});
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kOomHeap, 1}}));
}

TEST_F(InstanceTest, AnEndThatWasAskedForStaysThat) {
  Exit(11, SIGKILL);
  Exit(10, 143 << 8);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kSigterm, 1}}));
}

TEST_F(InstanceTest, AProgramsOwnCodeIsTheWrappersToTell) {
  Exit(11, 1 << 8);
  Exit(10, 0);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kSuccess, 1}}));
}

TEST_F(InstanceTest, TheProgramGoesOnWithoutItsWrapper) {
  Exit(10, SIGTERM);
  t_.Look();
  EXPECT_THAT(Codex().exits, IsEmpty()) << "the agent lives";
  ASSERT_TRUE(t_.IsRoot(11));
  EXPECT_FALSE(t_.Member(11)->inner);
  EXPECT_FALSE(t_.Member(11)->orphan);
  Exit(11, SIGABRT);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kOomHeap, 1}}));
  EXPECT_EQ(Codex().restarts, 0u);
  t_.host.Add(30, 1, "codex");
  t_.Look();
  EXPECT_EQ(Codex().restarts, 1u);
}

TEST_F(InstanceTest, AWrapperThatEndsFirstInTheSameLookIsOneLife) {
  Exit(10, SIGKILL);
  Exit(11, SIGKILL);
  LookAgain();
  uint64_t ends = 0;
  for (const auto& [category, count] : Codex().exits) ends += count;
  EXPECT_EQ(ends, 1u);
}

TEST_F(InstanceTest, ADaemonOfTheSameAgentIsNoProgramOfIt) {
  t_.host.Add(12, 11, "codex");
  t_.host.at(12).session = 12;
  t_.Look();
  ASSERT_NE(t_.Member(12), nullptr);
  EXPECT_FALSE(t_.Member(12)->inner);
  EXPECT_EQ(t_.Member(12)->role, Role::kDescendant);
  EXPECT_TRUE(t_.Member(11)->inner);
}

TEST_F(InstanceTest, AProgramThatIsStartedAgainIsANewLife) {
  Exit(11, SIGABRT);
  t_.host.Add(12, 10, "codex");
  t_.Look();
  EXPECT_TRUE(t_.Member(12)->inner);
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kOomHeap, 1}}));
  EXPECT_EQ(Codex().restarts, 1u);
  Exit(12, 0);
  Exit(10, 0);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kOomHeap, 1}, {ExitCategory::kSuccess, 1}}));
}

TEST_F(InstanceTest, AProgramThatItsWrapperOutlivesWasAHelper) {
  Exit(11, SIGABRT);
  LookAgain();
  Exit(10, 0);
  LookAgain();
  EXPECT_EQ(Codex().exits, (Exits{{ExitCategory::kSuccess, 1}}));
  EXPECT_EQ(Codex().descendants_exited, (std::map<std::string, uint64_t>{{"signal", 1}}));
}

TEST_F(InstanceTest, AnOomKillOfTheProgramIsConfirmed) {
  t_.tracker().ApplyEvents({{.kind = Kind::kOom, .key = t_.host.at(11).key}});
  Exit(11, SIGKILL);
  Exit(10, 1 << 8);
  LookAgain();
  ASSERT_EQ(Ended().size(), 1u);
  EXPECT_EQ(Ended()[0].category, ExitCategory::kOomHost);
  EXPECT_EQ(Ended()[0].oom.verdict, OomVerdict::kConfirmed);
}

TEST_F(InstanceTest, AProgramThatExecsIntoAToolIsADescendant) {
  t_.host.Exec(11, "vim");
  t_.Look();
  EXPECT_FALSE(t_.IsRoot(11));
  EXPECT_EQ(t_.AgentOf(11), "codex");
  t_.host.Add(12, 10, "codex");
  t_.Look();
  EXPECT_TRUE(t_.IsRoot(12)) << "its place is free";
  EXPECT_EQ(Codex().restarts, 0u);
}

TEST_F(InstanceTest, AnotherAgentBelowIsNone) {
  t_.host.Add(20, 11, "claude");
  t_.Look();
  EXPECT_EQ(t_.AgentOf(20), "claude");
  EXPECT_FALSE(t_.Member(20)->inner);
}

TEST(Instance, WithoutEventsTheTwoAreOneUnobservedEnd) {
  TrackedHost t({TrackedHost::CommRule("codex")});
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "codex");
  t.Look();
  t.host.ExitAndReap(11);
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_EQ(t.Counters("codex").exits, (Exits{{ExitCategory::kUnobserved, 1}}));
}

// `run`: whoever started the wrapper tells how it ended.
class RegisteredInstanceTest : public testing::Test {
 protected:
  RegisteredInstanceTest() {
    t_.host.Add(5, 1, "run");
    t_.host.Add(10, 5, "node");
    t_.host.Add(11, 10, "codex");
    t_.tracker().Register({.key = t_.host.at(10).key,
                           .match = {.agent = "codex", .slot = "1"},
                           .reaper = t_.host.at(5).key,
                           .helper = 0});
    t_.Look();
  }
  std::vector<RootExit> Ended() {
    for (const auto& [key, group] : t_.tracker().groups().groups()) {
      if (group->slot == "1") return group->ended;
    }
    return {};
  }
  TrackedHost t_{{TrackedHost::CommRule("codex")}};
};

TEST_F(RegisteredInstanceTest, ItsSlotEndsBySignalOfTheProgram) {
  ASSERT_TRUE(t_.Member(11)->inner);
  const kernel::ProcessKey wrapper = t_.host.at(10).key;
  t_.tracker().ApplyEvents({{.kind = Kind::kExit, .key = t_.host.at(11).key, .status = SIGABRT}});
  t_.host.ExitAndReap(11);
  t_.tracker().RecordExit({wrapper, 1 << 8});
  t_.host.ExitAndReap(10);
  t_.Look();
  ASSERT_EQ(Ended().size(), 1u);
  EXPECT_EQ(Ended()[0].key, wrapper);
  EXPECT_EQ(Ended()[0].category, ExitCategory::kOomHeap);
}

TEST_F(RegisteredInstanceTest, WhatItsParentKnowsWaitsForTheEventsBefore) {
  t_.tracker().ApplyEvents({{.kind = Kind::kExit, .key = t_.host.at(11).key, .status = SIGABRT},
                            {.kind = Kind::kExit, .key = t_.host.at(10).key, .status = 1 << 8}},
                           {{ReportedExit{t_.host.at(10).key, 1 << 8, false, 4096}}});
  ASSERT_EQ(Ended().size(), 1u);
  EXPECT_EQ(Ended()[0].category, ExitCategory::kOomHeap);
  EXPECT_EQ(Ended()[0].max_resident_bytes, 4096u);
}

TEST_F(RegisteredInstanceTest, WeKilledItOurselves) {
  t_.tracker().ApplyEvents({{.kind = Kind::kExit, .key = t_.host.at(10).key, .status = SIGKILL}},
                           {{ReportedExit{t_.host.at(10).key, SIGKILL, true}}});
  ASSERT_EQ(Ended().size(), 1u);
  EXPECT_TRUE(Ended()[0].self_killed);
}

TEST_F(RegisteredInstanceTest, ItsSlotEndsWithItWhateverItsProgramDoes) {
  t_.tracker().ApplyEvents({});
  t_.tracker().RecordExit({t_.host.at(10).key, 0});
  t_.host.ExitAndReap(10, 5);
  t_.Look();
  ASSERT_EQ(Ended().size(), 1u);
  EXPECT_EQ(Ended()[0].category, ExitCategory::kSuccess);
  ASSERT_NE(t_.Member(11), nullptr);
  EXPECT_FALSE(t_.IsRoot(11));
  EXPECT_TRUE(t_.Member(11)->orphan);
  t_.tracker().ApplyEvents({{.kind = Kind::kExit, .key = t_.host.at(11).key, .status = SIGABRT}});
  t_.host.ExitAndReap(11);
  for (int i = 0; i < 5; ++i) t_.Look();
  EXPECT_EQ(Ended().size(), 1u);
}

}  // namespace
}  // namespace agent_exporter::agents

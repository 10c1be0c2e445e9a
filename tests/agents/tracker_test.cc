#include "agents/tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

using ::testing::ElementsAre;

std::vector<Rule> CodexAndClaude() {
  return {TrackedHost::CommRule("codex"), TrackedHost::CommRule("claude")};
}

TEST(Tracker, AMatchedProcessIsARootAndWhatIsBelowItIsItsTree) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "bash");
  t.host.Add(12, 11, "git");
  t.host.Add(20, 1, "sshd");
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
  EXPECT_EQ(t.AgentOf(11), "codex");
  EXPECT_EQ(t.AgentOf(12), "codex");
  EXPECT_FALSE(t.IsRoot(12));
  EXPECT_TRUE(t.Member(11)->direct_child);
  EXPECT_FALSE(t.Member(12)->direct_child) << "a grandchild";
  EXPECT_EQ(t.AgentOf(20), "");
}

TEST(Tracker, AnOrphanStaysItsAgents) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "bash");
  t.host.Add(12, 11, "daemon");
  t.Look();
  EXPECT_FALSE(t.Member(12)->orphan);
  t.host.ExitAndReap(11);
  t.Look();
  ASSERT_EQ(t.AgentOf(12), "codex");
  EXPECT_TRUE(t.Member(12)->orphan);
  EXPECT_FALSE(t.IsRoot(12));
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_EQ(t.AgentOf(12), "codex") << "the agent itself is gone, its orphan is not";
  t.host.Add(13, 12, "worker");
  t.Look();
  EXPECT_EQ(t.AgentOf(13), "codex") << "children of an orphan belong to it";
  EXPECT_FALSE(t.Member(13)->orphan) << "its own parent lives";
}

TEST(Tracker, ANestedAgentIsItsOwn) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "claude");
  t.host.Add(12, 11, "rg");
  t.Look();
  EXPECT_TRUE(t.IsRoot(11));
  EXPECT_EQ(t.AgentOf(11), "claude");
  EXPECT_EQ(t.AgentOf(12), "claude");
}

TEST(Tracker, BelowTheSameNameAMatchIsNoInstanceOfItsOwn) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "codex");
  t.host.Add(12, 11, "bash");
  t.host.Add(13, 12, "codex");
  t.Look();
  EXPECT_TRUE(t.IsRoot(11)) << "the program in its wrapper";
  EXPECT_TRUE(t.Member(11)->inner);
  EXPECT_FALSE(t.IsRoot(13)) << "started by a tool";
}

TEST(Tracker, WhenTheWrapperEndsItsProgramTakesOver) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "codex");
  t.host.Add(12, 11, "bash");
  t.Look();
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_TRUE(t.IsRoot(11));
  EXPECT_FALSE(t.Member(11)->orphan);
  EXPECT_TRUE(t.Member(12)->direct_child);
  EXPECT_EQ(t.Counters("codex").restarts, 0u) << "the same program goes on";
}

TEST(Tracker, RulesAreLookedAtAgainAfterAnExec) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "sh");
  t.host.Add(11, 10, "helper");
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
  t.host.Exec(10, "codex");
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
  EXPECT_EQ(t.AgentOf(11), "codex") << "children from before the exec";
  t.host.Exec(10, "claude");
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "claude");
  EXPECT_EQ(t.AgentOf(11), "claude");
  t.host.Exec(10, "vim");
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
  EXPECT_EQ(t.AgentOf(11), "");
}

TEST(Tracker, ANewNameNeverDropsALiveRoot) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "git");
  t.Look();
  t.host.at(10).comm = "MainThread";  // prctl, no execve
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
  EXPECT_EQ(t.AgentOf(11), "codex");
  t.tracker().SetRules(*RuleSet::Make(CodexAndClaude()));
  t.Look();
  EXPECT_TRUE(t.IsRoot(10)) << "the rule that it matched is still there";
  t.host.at(10).comm = "claude";
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "codex") << "whatever the name";
  t.tracker().SetRules(*RuleSet::Make({TrackedHost::CommRule("vim")}));
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
}

TEST(Tracker, AnExecWithoutANewNameDropsARoot) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.Look();
  t.host.at(10).comm = "MainThread";
  t.Look();
  t.host.Exec(10, "MainThread");
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
}

TEST(Tracker, WhereAnExecCannotBeSeenOnlyAnotherAgentsNameEndsAMatch) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.at(10).start_stack = 0;  // another user's
  t.Look();
  t.host.at(10).comm = "MainThread";
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "codex");
  t.host.at(10).comm = "claude";
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "claude");
}

TEST(Tracker, AForkThatTakesANameOfItsOwnIsNoProgramThatTakesOver) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Fork(11, 10);
  t.Look();
  t.host.at(11).comm = "the_daemon";
  t.Look();
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_FALSE(t.IsRoot(11));
  EXPECT_TRUE(t.Member(11)->orphan);
}

TEST(Tracker, AStackThatCannotBeReadForAWhileIsNoExec) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.Look();
  const uint64_t stack = t.host.at(10).start_stack;
  t.host.at(10).comm = "MainThread";
  for (const uint64_t seen : {uint64_t{0}, stack}) {
    t.host.at(10).start_stack = seen;
    t.Look();
    EXPECT_EQ(t.AgentOf(10), "codex") << seen;
  }
}

TEST(Tracker, AProcessSeenInTheMiddleOfAnExecIsMatchedAgainOnceItIsThrough) {
  Rule by_cmdline;
  by_cmdline.name = "codex";
  by_cmdline.cmdline = "^codex$";
  by_cmdline.origin = "test";
  TrackedHost t({by_cmdline});
  t.host.Add(10, 1, "codex");
  t.host.at(10).start_stack = 0;  // comm is new already, the arguments are not there
  t.hide_arguments = true;
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
  t.host.at(10).start_stack = 0x7000;
  t.hide_arguments = false;
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
}

TEST(Tracker, ADescendantThatExecsIntoAnotherNameStays) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Fork(11, 10);
  t.Look();
  EXPECT_FALSE(t.IsRoot(11)) << "a fork looks like its parent until it execs";
  t.host.Exec(11, "make");
  t.Look();
  EXPECT_EQ(t.AgentOf(11), "codex");
  EXPECT_EQ(t.Member(11)->stat.comm, "make");
}

TEST(Tracker, AForkSeenAfterItsParentDiedIsNoRootOnceItExecs) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Fork(11, 10);
  t.Look();
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_TRUE(t.IsRoot(11)) << "by all that can be seen it is the program taking over";
  t.host.Exec(11, "tail");
  t.Look();
  EXPECT_FALSE(t.IsRoot(11));
  EXPECT_TRUE(t.Member(11)->orphan);
}

TEST(Tracker, ScopeProcessLeavesTheTreeAlone) {
  TrackedHost t({TrackedHost::CommRule("salt-minion", Scope::kProcess)});
  t.host.Add(10, 1, "salt-minion");
  t.host.Add(11, 10, "apt");
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
  EXPECT_EQ(t.AgentOf(11), "");
}

TEST(Tracker, APidTakenByAStrangerIsNotMistaken) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "bash");
  t.host.Run(10, 1000);
  t.Look();
  t.host.ExitAndReap(10);
  t.host.Add(10, 1, "nginx");  // same pid, other start time
  t.host.Run(10, 500);
  t.Look();
  EXPECT_THAT(t.gone, ElementsAre(10));
  EXPECT_EQ(t.AgentOf(10), "");
  EXPECT_TRUE(t.Member(11)->orphan);
  EXPECT_EQ(t.Counters("codex").self_cpu.user_ns, 1000);
}

TEST(Tracker, AStrangerWithTheParentsPidIsNoParent) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(11, 10, "old");
  t.host.Add(10, 1, "codex");  // younger than its "child"
  t.Look();
  EXPECT_EQ(t.AgentOf(11), "");
}

TEST(Tracker, ARootReplacedByAnotherIsARestart) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.Look();
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_EQ(t.Counters("codex").restarts, 0u);
  t.host.Add(11, 1, "codex");
  t.Look();
  EXPECT_EQ(t.Counters("codex").restarts, 1u);
  t.host.Add(12, 1, "codex");
  t.Look();
  EXPECT_EQ(t.Counters("codex").restarts, 1u) << "a second instance replaces nobody";
}

TEST(Tracker, StartsAndExitsOfDescendantsAreCounted) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.Look();
  t.host.Add(11, 10, "a");
  t.host.Add(12, 10, "b");
  t.Look();
  t.host.ExitAndReap(11);
  t.Look();
  EXPECT_EQ(t.Counters("codex").descendants_started, 2u);
  EXPECT_EQ(t.Counters("codex").descendants_exited.at("unknown"), 1u);
}

TEST(Tracker, TheExporterIsAlwaysAnAgentOfItsOwn) {
  TrackedHost t(CodexAndClaude(), {.self_pid = 11});
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "codex");  // even where a rule would say something else
  t.Look();
  EXPECT_EQ(t.AgentOf(11), "agent_exporter");
  EXPECT_TRUE(t.IsRoot(11));
}

TEST(Tracker, KernelThreadsAndNewZombiesAreNobodys) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  t.host.at(10).kernel_thread = true;
  t.host.Add(11, 1, "codex");
  t.host.Exit(11);
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
  EXPECT_EQ(t.AgentOf(11), "");
}

TEST(Tracker, MoreNamesThanTheCapFoldIntoOther) {
  std::vector<Rule> rules;
  for (const char* name : {"a", "b", "c", "d"}) rules.push_back(TrackedHost::CommRule(name));
  for (Rule& rule : rules) rule.built_in = true;  // not configured: only what runs takes room
  TrackedHost t(rules, {.max_agents = 2});
  for (pid_t pid = 10; pid < 14; ++pid) t.host.Add(pid, 1, std::string(1, static_cast<char>('a' + pid - 10)));
  t.Look();
  EXPECT_EQ(t.tracker().folded(), 2u);
  int other = 0;
  for (pid_t pid = 10; pid < 14; ++pid) other += t.AgentOf(pid) == "other" ? 1 : 0;
  EXPECT_EQ(other, 2);
}

TEST(Tracker, ARuleThatMakesManyNamesLeavesRoomForOthers) {
  Rule job, codex = TrackedHost::CommRule("codex");
  job.name = "job-{comm}";
  job.argv0 = {"j*"};
  codex.built_in = true;
  TrackedHost t({job, codex}, {.max_agents = 4});
  for (pid_t pid = 10; pid < 20; ++pid) t.host.Add(pid, 1, "j" + std::to_string(pid));
  t.Look();
  t.host.Add(20, 1, "codex");
  t.Look();
  EXPECT_EQ(t.AgentOf(20), "codex");
  EXPECT_EQ(t.tracker().folded(), 8u);

  // A name that has ended makes room for one of its own rule.
  for (pid_t pid = 10; pid < 20; ++pid) t.host.ExitAndReap(pid);
  t.Look();
  t.host.Add(21, 1, "j21");
  t.Look();
  EXPECT_EQ(t.AgentOf(21), "job-j21");
}

TEST(Tracker, ADiscoveredAgentIsForgottenAConfiguredOneIsNot) {
  Rule built_in = TrackedHost::CommRule("codex");
  built_in.built_in = true;
  TrackedHost t({TrackedHost::CommRule("claude"), built_in}, {.forget_after_seconds = 60});
  t.host.Add(10, 1, "codex");
  t.Look();
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_EQ(t.tracker().groups().groups().size(), 2u) << "shown as down for a while";
  t.PassTime(61);
  t.Look();
  ASSERT_EQ(t.tracker().groups().groups().size(), 1u);
  EXPECT_EQ(t.tracker().groups().groups().begin()->second->name, "claude");
}

TEST(Tracker, ANameThatATemplateMadeCountsAsConfiguredUntilItIsForgotten) {
  Rule job;
  job.name = "job-{comm}";
  job.argv0 = {"j*"};
  TrackedHost t({job}, {.max_agents = 4, .forget_after_seconds = 60});
  const auto missed = [&t](const std::string& name) {
    for (const auto& [key, group] : t.tracker().groups().groups()) {
      if (group->name == name) return group->from_template && group->members == 0;
    }
    return false;
  };
  t.host.Add(10, 1, "j1");
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "job-j1");
  t.host.ExitAndReap(10);
  t.Look();
  EXPECT_TRUE(missed("job-j1"));

  t.PassTime(61);
  t.Look();
  EXPECT_TRUE(t.tracker().groups().groups().empty());

  // One that is missed makes room for one that runs.
  t.host.Add(11, 1, "j1");
  t.Look();
  t.host.ExitAndReap(11);
  t.host.Add(12, 1, "j2");
  t.Look();
  t.host.Add(13, 1, "j3");
  t.Look();
  EXPECT_EQ(t.AgentOf(13), "job-j3");
  EXPECT_EQ(t.tracker().folded(), 0u);
}

TEST(Tracker, ACycleInATornSnapshotEnds) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 11, "a");
  t.host.Add(11, 10, "b");
  t.host.at(11).key.start_ticks = t.host.at(10).key.start_ticks;
  t.Look();
  EXPECT_EQ(t.AgentOf(10), "");
}

TEST(Tracker, AChainOfTenThousandProcessesIsPlaced) {
  TrackedHost t(CodexAndClaude());
  t.host.Add(10, 1, "codex");
  for (pid_t pid = 11; pid < 10011; ++pid) t.host.Add(pid, pid - 1, "x");
  t.Look();
  EXPECT_EQ(t.tracker().members().size(), 10001u);
}

Rule CmdlineRule(const std::string& name) {
  Rule rule;
  rule.name = name;
  rule.cmdline = "^" + name + "$";
  rule.origin = "test";
  return rule;
}

TEST(TrackerUnanswered, IsAskedAgainAtEveryLookUntilItIsKnown) {
  for (const Walk walk : {Walk::kFull, Walk::kMembers}) {
    TrackedHost t({CmdlineRule("codex")});
    t.host.Add(10, 1, "codex");
    t.unanswered = true;
    t.Look();
    EXPECT_EQ(t.AgentOf(10), "");
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(t.tracker().KeysToRead(), testing::Contains(t.host.at(10).key));
      t.LookAt({t.host.at(10)}, walk);
    }
    t.unanswered = false;
    t.LookAt({t.host.at(10)}, walk);
    EXPECT_EQ(t.AgentOf(10), "codex");
  }
}

TEST(TrackerUnanswered, ALiveRootKeepsItsMatch) {
  TrackedHost t({CmdlineRule("codex")});
  t.host.Add(10, 1, "codex");
  t.Look();
  ASSERT_TRUE(t.IsRoot(10));
  t.unanswered = true;
  t.host.at(10).comm = "renamed";
  t.Look();
  EXPECT_TRUE(t.IsRoot(10));
}

}  // namespace
}  // namespace agent_exporter::agents

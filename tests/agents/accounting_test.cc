// The CPU counters of a Tracker against a host that keeps cutime as the kernel does.

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

constexpr int64_t kMs = 1'000'000;

std::vector<Rule> Codex() { return {TrackedHost::CommRule("codex")}; }

int64_t Descendants(const TrackedHost& t) { return t.Counters("codex").descendants_cpu.total_ns(); }

TEST(Accounting, ChildrenThatLivedAndDiedBetweenTwoLooksCount) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.Look();
  for (int i = 0; i < 300; ++i) {
    t.host.Add(11, 10, "git");
    t.host.Run(11, 15 * kMs, 5 * kMs);
    t.host.ExitAndReap(11);
  }
  t.Look();
  EXPECT_EQ(t.Counters("codex").descendants_cpu, (kernel::CpuTimes{4500 * kMs, 1500 * kMs}));
  EXPECT_EQ(t.Counters("codex").self_cpu.total_ns(), 0);
}

TEST(Accounting, AChildSeenAliveIsNotCountedTwiceWhenItIsReaped) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "make");
  t.host.Run(11, 100 * kMs);
  t.Look();
  EXPECT_EQ(Descendants(t), 100 * kMs);
  t.host.Run(11, 50 * kMs);
  t.host.ExitAndReap(11);
  t.Look();
  EXPECT_EQ(Descendants(t), 150 * kMs);
  t.Look();
  EXPECT_EQ(Descendants(t), 150 * kMs);
}

TEST(Accounting, AFamilyThatDiesTogetherCountsOnce) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "make");
  t.host.Add(12, 11, "cc");
  t.host.Run(11, 10 * kMs);
  t.host.Run(12, 70 * kMs);
  t.Look();
  t.host.Run(12, 5 * kMs);
  t.host.ExitAndReap(12);
  t.host.ExitAndReap(11);
  t.Look();
  EXPECT_EQ(Descendants(t), 85 * kMs);
}

TEST(Accounting, AChildNobodyWaitsForKeepsWhatWasSeenOfIt) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "job");
  t.host.Run(11, 40 * kMs);
  t.Look();
  t.host.Vanish(11);
  for (int i = 0; i < 3; ++i) t.Look();
  EXPECT_EQ(Descendants(t), 40 * kMs);
  t.host.Add(12, 10, "job");
  t.host.Run(12, 30 * kMs);
  t.host.ExitAndReap(12);
  t.Look();
  EXPECT_GE(Descendants(t), 60 * kMs) << "the old debt must not eat the new child's time, but for a tick";
  EXPECT_LE(Descendants(t), 70 * kMs);
}

TEST(Accounting, AnOrphanThatInitReapsIsBanked) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "sh");
  t.host.Add(12, 11, "daemon");
  t.Look();
  t.host.ExitAndReap(11);
  t.host.Run(12, 25 * kMs);
  t.Look();
  t.host.ExitAndReap(12);
  t.Look();
  EXPECT_EQ(Descendants(t), 25 * kMs);
}

TEST(Accounting, ANestedAgentsTimeIsItsOwnEvenWhenTheOuterOneReapsIt) {
  TrackedHost t({TrackedHost::CommRule("codex"), TrackedHost::CommRule("claude")});
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "claude");
  t.host.Run(11, 200 * kMs);
  t.Look();
  t.host.ExitAndReap(11);
  t.Look();
  EXPECT_EQ(t.Counters("claude").self_cpu.total_ns(), 200 * kMs);
  EXPECT_EQ(Descendants(t), 0);
}

TEST(Accounting, WhatWasUsedBeforeTheExporterStartedIsNotCounted) {
  TrackedHost t(Codex(), {.start_ticks = 1000});
  t.host.Add(10, 1, "codex");  // starts at tick 2
  t.host.Run(10, 900 * kMs);
  t.host.at(10).children_cpu = {800 * kMs, 0};
  t.Look();
  EXPECT_EQ(t.Counters("codex").self_cpu.total_ns(), 0);
  t.host.Run(10, 7 * kMs);
  t.Look();
  EXPECT_EQ(t.Counters("codex").self_cpu.total_ns(), 7 * kMs);
  EXPECT_EQ(Descendants(t), 0);
}

TEST(Accounting, CountersSurviveTheAgent) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.host.Run(10, 30 * kMs);
  t.Look();
  t.host.ExitAndReap(10);
  t.Look();
  t.host.Add(11, 1, "codex");
  t.host.Run(11, 12 * kMs);
  t.Look();
  EXPECT_EQ(t.Counters("codex").self_cpu.total_ns(), 42 * kMs);
}

TEST(Accounting, AChildReadAliveAndReapedBeforeItsParentWasReadIsLookedAtAgain) {
  TrackedHost t(Codex());
  t.host.Add(10, 1, "codex");
  t.host.Add(5, 10, "job");  // pids wrapped: read before its parent
  t.Look();
  t.host.Run(5, 40 * kMs);
  std::vector<kernel::ProcessStat> rows = t.host.Snapshot();  // has 5 alive…
  t.host.ExitAndReap(5);
  for (kernel::ProcessStat& row : rows) {
    if (row.key.pid == 10) row = t.host.at(10);  // …and 10 with its time
  }
  t.LookAt(rows);
  EXPECT_GT(t.confirmed, 0);
  EXPECT_EQ(Descendants(t), 40 * kMs);
  t.Look();
  EXPECT_EQ(Descendants(t), 40 * kMs);
}

// Random life below an agent: the counter never falls, never passes the truth and, where every child is
// waited for, ends at it.
TEST(Accounting, RandomTreesNeverFallAndNeverPassTheTruth) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    TrackedHost t(Codex());
    t.host.Add(10, 1, "codex");
    std::vector<pid_t> alive;
    pid_t next = 11;
    int64_t truth = 0, last = 0;
    for (int step = 0; step < 2000; ++step) {
      const auto dice = random() % 100;
      const pid_t any = alive.empty() ? 10 : alive[random() % alive.size()];
      if (dice < 30) {
        t.host.Add(next, random() % 2 == 0 ? 10 : any, "x");
        alive.push_back(next++);
      } else if (dice < 70 && any != 10) {
        const int64_t used = static_cast<int64_t>(random() % 50) * kMs;
        t.host.Run(any, used);
        truth += used;
      } else if (dice < 90 && any != 10) {
        // Leaves only: a parent that died would send its children to init, whose waits nobody sees.
        bool leaf = true;
        for (const pid_t other : alive) leaf &= t.host.at(other).ppid != any;
        if (!leaf) continue;
        t.host.ExitAndReap(any);
        std::erase(alive, any);
      } else {
        t.Look();
        ASSERT_GE(Descendants(t), last) << "seed " << seed << " step " << step;
        ASSERT_LE(Descendants(t), truth) << "seed " << seed << " step " << step;
        last = Descendants(t);
      }
    }
    t.Look();
    EXPECT_EQ(Descendants(t), truth) << "seed " << seed;
  }
}

// What the counters hold, on whose account: of each live member.
kernel::CpuTimes OnAccounts(TrackedHost& t) {
  kernel::CpuTimes sum;
  for (const TrackedProcess* member : t.tracker().members()) sum += member->accounted;
  return sum;
}

TEST(Accounts, WhatCountersHoldIsOnTheAccountOfSomebodyWhoLives) {
  TrackedHost t({TrackedHost::CommRule("codex")});
  t.host.Add(10, 1, "codex");
  t.host.Add(20, 10, "bash");
  t.host.Add(21, 20, "make");
  t.host.Add(22, 21, "cc1");
  t.Look();
  t.host.Run(22, 30);
  t.host.Run(20, 5);
  t.Look();
  EXPECT_EQ(t.Member(22)->accounted.total_ns(), 30);
  t.host.Run(22, 7);
  t.host.ExitAndReap(22);
  t.host.Run(21, 2);
  t.host.ExitAndReap(21);
  t.Look();
  EXPECT_EQ(t.Member(20)->accounted.total_ns(), 44) << "with all that was below it";
  EXPECT_EQ(OnAccounts(t), t.Counters("codex").self_cpu + t.Counters("codex").descendants_cpu);
  t.host.ExitAndReap(20);
  t.Look();
  EXPECT_EQ(t.Member(10)->accounted.total_ns(), 44);
}

TEST(Accounts, AnOrphansGoToTheLeaderOfItsSession) {
  TrackedHost t({TrackedHost::CommRule("codex")});
  t.host.Add(10, 1, "codex");
  t.host.Add(20, 10, "bash");
  t.host.Add(21, 20, "sh");
  t.host.Add(22, 21, "loop");
  for (const pid_t pid : {20, 21, 22}) t.host.at(pid).session = 20;
  t.Look();
  t.host.ExitAndReap(21);
  t.host.Run(22, 30);
  t.Look();
  ASSERT_TRUE(t.Member(22)->orphan);
  t.host.Vanish(22);
  t.Look();
  EXPECT_EQ(t.Member(20)->accounted.total_ns(), 30);
}

TEST(Accounts, TheLastCpuOfAChildThatNobodyWaitsForIsItsParents) {
  TrackedHost t({TrackedHost::CommRule("codex")});
  t.host.Add(10, 1, "codex");
  t.host.Add(11, 10, "git");
  t.Look();
  const kernel::ProcessKey key = t.host.at(11).key;
  t.tracker().ApplyEvents({{.kind = kernel::ProcessEvent::Kind::kExit, .key = key}});
  t.host.Vanish(11);
  t.Look();
  t.tracker().ApplyEvents(
      {{.kind = kernel::ProcessEvent::Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{20, 0}, {}}}});
  t.Look();
  EXPECT_EQ(t.Member(10)->accounted.total_ns(), 20);
  EXPECT_EQ(t.Counters("codex").descendants_cpu.total_ns(), 20);
}

}  // namespace
}  // namespace agent_exporter::agents

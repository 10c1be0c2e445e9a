#include "kernel/children_cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <set>

namespace agent_exporter::kernel {
namespace {

constexpr int64_t kTick = 10'000'000;
constexpr double kMillisecond = 1e6;
constexpr double kMicrosecond = 1e3;
constexpr pid_t kParent = 7;

// The kernel's side: what a parent waited for, to the nanosecond and as /proc shows it.
struct Waited {
  CpuTimes exact;

  void Add(double user_ns, double system_ns) {
    exact += {static_cast<int64_t>(user_ns), static_cast<int64_t>(system_ns)};
  }
  CpuTimes ticks() const { return {exact.user_ns / kTick * kTick, exact.system_ns / kTick * kTick}; }
  double total() const { return static_cast<double>(exact.total_ns()); }
};

class ChildrenCpuTest : public testing::Test {
 protected:
  CpuTimes Look(bool unsettled = false) {
    children_.BeforeTicks();
    return children_.Refine(kParent, waited_.ticks(), unsettled);
  }
  double Told() { return static_cast<double>(Look().total_ns()); }
  // A child that used this ends, is told of, and is waited for.
  void Child(double user_ns, double system_ns, double record_ns, double doubt_ns) {
    children_.Ended(kParent, true, {++next_pid_, record_ns, doubt_ns});
    waited_.Add(user_ns, system_ns);
  }

  std::set<pid_t> zombies_;
  ChildrenCpu children_{kTick, [this](pid_t pid) { return zombies_.contains(pid); }};
  Waited waited_;
  pid_t next_pid_ = 1000;
};

TEST_F(ChildrenCpuTest, RecordsThatAreNearTheTruthTellItToATenthOfAPercent) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::normal_distribution<double> error(-kMicrosecond, 15 * kMicrosecond);
    std::uniform_int_distribution<int> ticks_in_system(0, 5);
    ChildrenCpu children(kTick, [](pid_t) { return false; });
    Waited waited;
    for (pid_t pid = 1; pid <= 2000; ++pid) {
      const double used = 1'080 * kMicrosecond, system = used * (ticks_in_system(random) == 0 ? 1 : 0);
      waited.Add(used - system, system);
      children.Ended(kParent, true, {pid, used + error(random), 20 * kMicrosecond});
      if (pid % 20 != 0) continue;
      children.BeforeTicks();
      const auto told = static_cast<double>(children.Refine(kParent, waited.ticks(), false).total_ns());
      if (pid == 2000) {
        EXPECT_NEAR(told, waited.total(), 0.001 * waited.total());
      }
    }
  }
}

TEST_F(ChildrenCpuTest, WhereRecordsAreVagueTheTicksLead) {
  double off = 0, ticks_off = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> used(2 * kMillisecond, 6 * kMillisecond), split(0, 1);
    ChildrenCpu children(kTick, [](pid_t) { return false; });
    Waited waited;
    CpuTimes told;
    for (pid_t pid = 1; pid <= 300; ++pid) {
      const double cpu = used(random), user = cpu * split(random);
      waited.Add(user, cpu - user);
      // As of the last scheduler tick, 1.5 ms before the end on average, where 2 are assumed.
      children.Ended(kParent, true, {pid, cpu + 0.5 * kMillisecond, 4 * kMillisecond});
      if (pid % 4 != 0) continue;
      children.BeforeTicks();
      told = children.Refine(kParent, waited.ticks(), false);
    }
    off += std::abs(static_cast<double>(told.total_ns()) - waited.total());
    ticks_off += waited.total() - static_cast<double>(waited.ticks().total_ns());
  }
  EXPECT_LT(off, ticks_off / 2);
}

TEST_F(ChildrenCpuTest, WhateverRecordsSayItStaysWithinTwoTicksAndNeverFalls) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> used(0, 30 * kMillisecond), factor(0, 4);
  CpuTimes before;
  for (int i = 0; i < 2000; ++i) {
    const double user = used(random), system = used(random) / 10;
    if (i % 7 == 3) {
      waited_.Add(user, system);  // its record was lost
    } else {
      Child(user, system, (user + system) * factor(random), 50 * kMicrosecond);
    }
    const CpuTimes told = Look(i % 5 == 0);
    EXPECT_GE(told.total_ns(), waited_.ticks().total_ns());
    EXPECT_LE(std::abs(told.user_ns - waited_.exact.user_ns), 2 * kTick + 100);
    EXPECT_LE(std::abs(told.system_ns - waited_.exact.system_ns), 2 * kTick + 100);
    EXPECT_GE(told.user_ns, before.user_ns);
    EXPECT_GE(told.system_ns, before.system_ns);
    before = told;
  }
  // What was told earlier cannot be taken back, so that the upper end holds for where it ends.
  EXPECT_LE(before.total_ns(), waited_.ticks().total_ns() + 2 * kTick);
}

TEST_F(ChildrenCpuTest, LessThanATickIsTold) {
  Child(3 * kMillisecond, 0, 3 * kMillisecond, 0);
  EXPECT_EQ(Told(), 3 * kMillisecond);
  Child(0, 4 * kMillisecond, 4 * kMillisecond, 0);
  EXPECT_EQ(Told(), 7 * kMillisecond);
}

TEST_F(ChildrenCpuTest, AZombieCountsOnceItIsWaitedFor) {
  zombies_ = {1001};
  children_.Ended(kParent, true, {1001, 3 * kMillisecond, 0});
  EXPECT_EQ(Told(), 0);
  zombies_.clear();
  waited_.Add(3 * kMillisecond, 0);
  EXPECT_EQ(Told(), 3 * kMillisecond);
}

TEST_F(ChildrenCpuTest, OneThatIsWaitedForWhileTheTicksAreReadMayBeInThemOrNot) {
  for (const bool in_ticks : {false, true}) {
    SCOPED_TRACE(in_ticks);
    ChildrenCpu children(kTick, [this](pid_t pid) { return zombies_.contains(pid); });
    zombies_ = {1};
    children.Ended(kParent, true, {1, 52 * kMillisecond, 0});
    children.BeforeTicks();
    zombies_.clear();
    const CpuTimes ticks{in_ticks ? 5 * kTick : 0, 0};
    EXPECT_EQ(children.Refine(kParent, ticks, false), ticks);
    children.BeforeTicks();
    EXPECT_EQ(children.Refine(kParent, {5 * kTick, 0}, false).total_ns(), 52'000'000);
  }
}

TEST_F(ChildrenCpuTest, TicksThatMayHoldAChildNotToldYetMoveNothing) {
  Child(3 * kMillisecond, 0, 3 * kMillisecond, 0);
  waited_.Add(52 * kMillisecond, 0);
  EXPECT_EQ(Look(true).total_ns(), 50'000'000);
  children_.Ended(kParent, true, {2000, 52 * kMillisecond, 0});
  EXPECT_EQ(Told(), 55 * kMillisecond);
}

TEST_F(ChildrenCpuTest, WhatAChildWaitedForGoesToItsParentWithIt) {
  constexpr pid_t kChild = 8;
  for (const bool seen_between : {false, true}) {
    SCOPED_TRACE(seen_between);
    ChildrenCpu children(kTick, [](pid_t) { return false; });
    children.Ended(kChild, true, {9, 4 * kMillisecond, 0});
    if (seen_between) {
      children.BeforeTicks();
      EXPECT_EQ(children.Refine(kChild, {}, false).total_ns(), 4'000'000);
    }
    children.Ended(kParent, true, {kChild, 3 * kMillisecond, 0});
    children.BeforeTicks();
    EXPECT_EQ(children.Refine(kParent, {}, false).total_ns(), 7'000'000);
    EXPECT_EQ(children.Refine(kChild, {}, false), CpuTimes{});
  }
}

TEST_F(ChildrenCpuTest, AParentFoundRunningStartsFromItsTicks) {
  const CpuTimes found{5 * kTick, 2 * kTick}, middle{5 * kTick + kTick / 2, 2 * kTick + kTick / 2};
  EXPECT_EQ(children_.Refine(kParent, found, false), middle);
  // Told before anything is known of it: these are in the ticks.
  children_.Ended(kParent, false, {1, 9 * kMillisecond, 0});
  children_.BeforeTicks();
  EXPECT_EQ(children_.Refine(kParent, found, false), middle);
  children_.Ended(kParent, false, {2, 3 * kMillisecond, 0});
  children_.BeforeTicks();
  EXPECT_EQ(children_.Refine(kParent, found, false).total_ns(), middle.total_ns() + 3'000'000);
}

TEST_F(ChildrenCpuTest, WhatTheTicksHidOfAParentFoundRunningIsFoundOut) {
  double off = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> used(3 * kMillisecond, 9 * kMillisecond), split(0, 1);
    ChildrenCpu children(kTick, [](pid_t) { return false; });
    Waited waited;
    waited.Add(59.9 * kMillisecond, 29.9 * kMillisecond);
    CpuTimes told;
    for (pid_t pid = 1; pid <= 1000; ++pid) {
      children.Ended(kParent, false, {pid, 0, 0});
      const double cpu = used(random), user = cpu * split(random);
      if (pid > 1) {
        waited.Add(user, cpu - user);
        children.Ended(kParent, false, {pid, cpu, 0});
      }
      children.BeforeTicks();
      told = children.Refine(kParent, waited.ticks(), false);
    }
    off += std::abs(static_cast<double>(told.total_ns()) - waited.total());
  }
  EXPECT_LT(off / 20, 0.5 * kMillisecond);
}

TEST_F(ChildrenCpuTest, AfterALostRecordItGoesOnFromTheTicksAndDoubtsThem) {
  Child(3 * kMillisecond, 0, 3 * kMillisecond, 0);
  Look();
  waited_.Add(92 * kMillisecond, 0);
  EXPECT_EQ(Told(), 90 * kMillisecond);
  Child(3 * kMillisecond, 0, 3 * kMillisecond, 0);
  EXPECT_EQ(Told(), 93 * kMillisecond);
  // A tick's worth later the ticks may lead it further: their middle weighs as much as the estimate.
  Child(9 * kMillisecond, 0, 9 * kMillisecond, 0);
  EXPECT_EQ(Told(), 106 * kMillisecond);
}

TEST_F(ChildrenCpuTest, TicksOfAFirstChildThatIsBeingToldAreAllThatIsKnown) {
  EXPECT_EQ(children_.Refine(kParent, {kTick, 0}, true), (CpuTimes{kTick, 0}));
}

TEST_F(ChildrenCpuTest, OneThatNeverWaitedHasNothingHidden) {
  EXPECT_EQ(children_.Refine(kParent, {}, false), CpuTimes{});
}

TEST_F(ChildrenCpuTest, TheModesFollowTheirTicks) {
  for (int i = 0; i < 1000; ++i) {
    Child(1.07 * kMillisecond, 0, 1.07 * kMillisecond, 20 * kMicrosecond);
    if (i % 10 == 0) Look();
  }
  EXPECT_LE(Look().system_ns, kTick);
  for (int i = 0; i < 100; ++i) Child(0, 1.07 * kMillisecond, 1.07 * kMillisecond, 20 * kMicrosecond);
  EXPECT_NEAR(static_cast<double>(Look().system_ns), 107 * kMillisecond, 1.5 * kTick);
}

TEST_F(ChildrenCpuTest, TicksAreDueWhenATicksWorthWasUsed) {
  children_.BeforeTicks();
  EXPECT_TRUE(children_.Due().empty());
  for (int i = 0; i < 3; ++i) {
    Child(4 * kMillisecond, 0, 4 * kMillisecond, 0);
    children_.BeforeTicks();
    EXPECT_EQ(children_.Due().size(), i == 2 ? 1u : 0u);
  }
  Look();
  EXPECT_TRUE(children_.Due().empty());
}

TEST_F(ChildrenCpuTest, WhatAProcessThatNobodyWaitsForHadWaitedForIsToldAtItsEnd) {
  EXPECT_EQ(children_.TakeAll(kParent), std::nullopt) << "it never had any, or they were not told";
  Child(0, 3 * kMillisecond, 3 * kMillisecond, 0);
  Look();
  Child(4 * kMillisecond, 0, 4 * kMillisecond, 0);  // between the last look and its end
  const auto all = children_.TakeAll(kParent);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->total_ns(), 7'000'000);
  EXPECT_EQ(Told(), 0) << "forgotten";
}

TEST_F(ChildrenCpuTest, OfAParentFoundRunningThatEndsBeforeALookNothingIsKnown) {
  children_.Ended(kParent, false, {1, 9 * kMillisecond, 0});
  EXPECT_EQ(children_.TakeAll(kParent), std::nullopt);
}

TEST_F(ChildrenCpuTest, OfAThousandZombiesTheNewestAreRemembered) {
  for (pid_t pid = 1; pid <= 1000; ++pid) {
    zombies_.insert(pid);
    children_.Ended(kParent, true, {pid, kMicrosecond, 0});
  }
  Look();
  zombies_.clear();
  EXPECT_EQ(Told(), 64 * kMicrosecond);
}

}  // namespace
}  // namespace agent_exporter::kernel

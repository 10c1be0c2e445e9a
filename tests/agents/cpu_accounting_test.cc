#include "agents/cpu_accounting.h"

#include <gtest/gtest.h>

namespace agent_exporter::agents {
namespace {

TEST(ReapDebt, WithoutDeadChildrenEveryRiseIsNew) {
  ReapDebt debt;
  EXPECT_EQ(debt.Settle({30, 10}), (kernel::CpuTimes{30, 10}));
}

TEST(ReapDebt, WhatWasCountedWhileTheChildLivedIsNotCountedAgain) {
  ReapDebt debt;
  debt.Owe({20, 5});
  EXPECT_EQ(debt.Settle({30, 10}), (kernel::CpuTimes{10, 5}));
  EXPECT_EQ(debt.Settle({7, 0}), (kernel::CpuTimes{7, 0})) << "paid debts must not be paid twice";
}

TEST(ReapDebt, AChildSeenGoneBeforeItsParentRoseIsSettledAtTheNextLook) {
  ReapDebt debt;
  debt.Owe({20, 0});
  EXPECT_EQ(debt.Settle({0, 0}), (kernel::CpuTimes{0, 0}));
  EXPECT_EQ(debt.Settle({25, 0}), (kernel::CpuTimes{5, 0}));
}

TEST(ReapDebt, AChildNobodyWaitedForIsForgottenAfterTwoLooksButForATick) {
  constexpr int64_t kMillisecond = 1'000'000;
  ReapDebt debt;
  debt.Owe({500 * kMillisecond, 4 * kMillisecond});
  debt.Settle({0, 0});
  debt.Settle({0, 0});
  EXPECT_EQ(debt.Settle({80 * kMillisecond, 9 * kMillisecond}),
            (kernel::CpuTimes{70 * kMillisecond, 5 * kMillisecond}));
}

TEST(ReapDebt, ExactChildrenOfATickingParentCountOnce) {
  // A zombie of 3 ms is reaped at every look; the parent's children time moves in steps of 10 ms.
  constexpr int64_t kMillisecond = 1'000'000;
  ReapDebt debt;
  int64_t shown = 0, counted_again = 0;
  for (int look = 1; look <= 1000; ++look) {
    debt.Owe({3 * kMillisecond, 0});
    const int64_t now = look * 3 / 10 * 10 * kMillisecond;
    counted_again += debt.Settle({now - shown, 0}).user_ns;
    shown = now;
  }
  EXPECT_EQ(counted_again, 0);
}

TEST(ReapDebt, OldDebtIsPaidBeforeNewDebt) {
  ReapDebt debt;
  debt.Owe({10, 0});
  debt.Settle({0, 0});
  debt.Owe({10, 0});
  // 10 pays the old one; the new one stays owed for the next look.
  EXPECT_EQ(debt.Settle({10, 0}), (kernel::CpuTimes{0, 0}));
  EXPECT_EQ(debt.Settle({12, 0}), (kernel::CpuTimes{2, 0}));
}

TEST(ReapDebt, AStepBackCountsAsNothing) {
  ReapDebt debt;
  EXPECT_EQ(debt.Settle({-10, -1}), (kernel::CpuTimes{0, 0}));
}

TEST(ReapDebt, WhatIsOwedInOneModeMayBePaidInTheOther) {
  ReapDebt debt;
  debt.Owe({10, 4});
  EXPECT_EQ(debt.Settle({7, 9}), (kernel::CpuTimes{0, 2}));
  debt.Owe({10, 0});
  EXPECT_EQ(debt.Settle({12, 5}), (kernel::CpuTimes{2, 5})) << "its own mode first";
  debt.Owe({0, 10});
  EXPECT_EQ(debt.Settle({12, 3}), (kernel::CpuTimes{5, 0})) << "system time paid as user time";
}

}  // namespace
}  // namespace agent_exporter::agents

#include "agents/cpu_accounting.h"

#include <gtest/gtest.h>

namespace agent_exporter {
namespace {

TEST(ReapDebt, WithoutDeadChildrenEveryRiseIsNew) {
  ReapDebt debt;
  EXPECT_EQ(debt.Settle({30, 10}), (CpuTimes{30, 10}));
}

TEST(ReapDebt, WhatWasCountedWhileTheChildLivedIsNotCountedAgain) {
  ReapDebt debt;
  debt.Owe({20, 5});
  EXPECT_EQ(debt.Settle({30, 10}), (CpuTimes{10, 5}));
  EXPECT_EQ(debt.Settle({7, 0}), (CpuTimes{7, 0})) << "paid debts must not be paid twice";
}

TEST(ReapDebt, AChildSeenGoneBeforeItsParentRoseIsSettledAtTheNextLook) {
  ReapDebt debt;
  debt.Owe({20, 0});
  EXPECT_EQ(debt.Settle({0, 0}), (CpuTimes{0, 0}));
  EXPECT_EQ(debt.Settle({25, 0}), (CpuTimes{5, 0}));
}

TEST(ReapDebt, AChildNobodyWaitedForIsForgottenAfterTwoLooks) {
  ReapDebt debt;
  debt.Owe({20, 20});
  debt.Settle({0, 0});
  debt.Settle({0, 0});
  EXPECT_EQ(debt.Settle({8, 9}), (CpuTimes{8, 9}));
}

TEST(ReapDebt, OldDebtIsPaidBeforeNewDebt) {
  ReapDebt debt;
  debt.Owe({10, 0});
  debt.Settle({0, 0});
  debt.Owe({10, 0});
  // 10 pays the old one; the new one stays owed for the next look.
  EXPECT_EQ(debt.Settle({10, 0}), (CpuTimes{0, 0}));
  EXPECT_EQ(debt.Settle({12, 0}), (CpuTimes{2, 0}));
}

TEST(ReapDebt, AStepBackCountsAsNothing) {
  ReapDebt debt;
  EXPECT_EQ(debt.Settle({-10, -1}), (CpuTimes{0, 0}));
}

TEST(ReapDebt, ModesAreSettledApart) {
  ReapDebt debt;
  debt.Owe({10, 0});
  EXPECT_EQ(debt.Settle({0, 10}), (CpuTimes{0, 10}));
}

}  // namespace
}  // namespace agent_exporter

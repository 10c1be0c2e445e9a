#include "agents/window_maximum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

namespace agent_exporter::agents {
namespace {

TEST(WindowMaximum, KeepsASpikeForSixtySeconds) {
  WindowMaximum maximum;
  EXPECT_EQ(maximum.Get(), std::nullopt);
  maximum.Add(100, 5);
  maximum.Add(101, 900);
  maximum.Add(102, 7);
  EXPECT_EQ(maximum.Get(), 900u);
  maximum.Add(161, 6);
  EXPECT_EQ(maximum.Get(), 900u) << "60 s old, not older";
  maximum.Add(161.5, 6);
  EXPECT_EQ(maximum.Get(), 7u);
}

TEST(WindowMaximum, WhatCannotBeReadIsNoZero) {
  WindowMaximum maximum;
  maximum.Add(1, 5);
  maximum.Add(2, std::nullopt);
  EXPECT_EQ(maximum.Get(), 5u);
  maximum.Add(70, std::nullopt);
  EXPECT_EQ(maximum.Get(), std::nullopt);
}

TEST(WindowMaximum, IsWhatLookingAtEveryValueGives) {
  std::mt19937 random(7);
  WindowMaximum maximum;
  std::deque<std::pair<double, uint64_t>> all;
  double now = 0;
  for (int i = 0; i < 5000; ++i) {
    now += static_cast<double>(random() % 3000) / 1000;
    all.emplace_back(now, random() % 1000);
    maximum.Add(now, all.back().second);
    uint64_t highest = 0;
    for (const auto& [time, value] : all) {
      if (now - time <= WindowMaximum::kSeconds) highest = std::max(highest, value);
    }
    ASSERT_EQ(maximum.Get(), highest) << i;
    while (all.size() > 200) all.pop_front();
  }
}

}  // namespace
}  // namespace agent_exporter::agents

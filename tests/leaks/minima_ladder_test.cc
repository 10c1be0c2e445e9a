#include "leaks/minima_ladder.h"

#include <gtest/gtest.h>

namespace agent_exporter::leaks {
namespace {

// 2-minute buckets: bucket i holds minutes 2i and 2i + 1.
void AddMinutes(MinimaLadder& ladder, int from, int to, double (*value)(int minute)) {
  for (int minute = from; minute < to; ++minute) ladder.Add(minute * 60.0, value(minute));
}

TEST(MinimaLadder, EachWidthHasMinimumAndMaximumOfItsBucket) {
  MinimaLadder ladder;
  AddMinutes(ladder, 0, 17, [](int minute) { return 100.0 + minute; });
  // Minute 16 opened new buckets of 2, 4, 8 and 16 minutes.
  for (int level = 0; level < 4; ++level) {
    const int width = 2 << level;
    EXPECT_EQ(ladder.At(level, 0).min, 100 + 16 - width) << level;
    EXPECT_EQ(ladder.At(level, 0).max, 115) << level;
  }
  EXPECT_TRUE(ladder.At(4, 0).empty()) << "32 minutes have not passed";
  EXPECT_EQ(ladder.At(0, 7).min, 100);
  EXPECT_TRUE(ladder.At(0, 8).empty()) << "before the first";
}

TEST(MinimaLadder, AddTellsHowManyWidthsAreComplete) {
  MinimaLadder ladder;
  EXPECT_EQ(ladder.Add(0, 1), 0);
  EXPECT_EQ(ladder.Add(60, 1), 0);
  EXPECT_EQ(ladder.Add(120, 1), 1);
  EXPECT_EQ(ladder.Add(240, 1), 2);
  EXPECT_EQ(ladder.Add(512 * 60, 1), 9);
}

TEST(MinimaLadder, OnlyTheNewestBucketsAreKept) {
  MinimaLadder ladder;
  AddMinutes(ladder, 0, 200, [](int minute) { return 1.0 * minute; });
  EXPECT_EQ(ladder.At(0, MinimaLadder::kBuckets - 1).min, 198 - 32);
  EXPECT_TRUE(ladder.At(0, MinimaLadder::kBuckets).empty());
}

TEST(MinimaLadder, WhatNobodySawIsEmptyAndNotZero) {
  MinimaLadder ladder;
  AddMinutes(ladder, 0, 8, [](int) { return 7.0; });
  ladder.Add(14 * 60, 7);
  EXPECT_EQ(ladder.At(0, 3).min, 7);  // minutes 6 and 7
  for (int age = 0; age < 3; ++age) EXPECT_TRUE(ladder.At(0, age).empty()) << age;
  EXPECT_EQ(ladder.At(2, 0).min, 7) << "eight minutes of which some were seen";
  // A gap longer than the ring.
  ladder.Add(10000 * 60, 7);
  for (int age = 0; age < MinimaLadder::kBuckets; ++age) EXPECT_TRUE(ladder.At(0, age).empty()) << age;
}

TEST(MinimaLadder, HighIsTheHighestFloorAndNotABurst) {
  MinimaLadder ladder;
  // Ten minutes at 50, and one at 900.
  AddMinutes(ladder, 0, 65, [](int minute) {
    return minute >= 20 && minute < 30 ? 50.0 : minute == 40 ? 900.0 : 10.0;
  });
  EXPECT_EQ(ladder.At(4, 0).high, 10) << "minutes 32 to 63, floors of 4 minutes";
  EXPECT_EQ(ladder.At(4, 1).high, 50) << "minutes 0 to 31";
  EXPECT_EQ(ladder.At(4, 0).max, 900);
}

TEST(MinimaLadder, TimeThatFallsIsTheNewestSeen) {
  MinimaLadder ladder;
  ladder.Add(600, 5);
  ladder.Add(0, 3);
  EXPECT_EQ(ladder.last_seconds(), 600);
  ladder.Add(720, 9);
  EXPECT_EQ(ladder.At(0, 0).min, 3);
}

}  // namespace
}  // namespace agent_exporter::leaks

#include "leaks/minima_ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::leaks {
namespace {

// Two looks a bucket: the finest bucket i holds looks 2i and 2i + 1.
constexpr double kLook = MinimaLadder::kFinestSeconds / 2;
void AddLooks(MinimaLadder& ladder, int from, int to, double (*value)(int look)) {
  for (int look = from; look < to; ++look) ladder.Add(look * kLook, value(look));
}

// Complete buckets are rounded to 0.04 %.
testing::Matcher<float> About(double value) {
  return testing::FloatNear(static_cast<float>(value), static_cast<float>(value * 0.0005 + 0.001));
}

TEST(MinimaLadder, EachWidthHasMinimumAndMaximumOfItsBucket) {
  MinimaLadder ladder;
  AddLooks(ladder, 0, 17, [](int look) { return 100.0 + look; });
  // Look 16 opened new buckets of 2, 4, 8 and 16 looks.
  for (int level = 0; level < 4; ++level) {
    const int width = 2 << level;
    EXPECT_THAT(ladder.At(level, 0).min, About(100 + 16 - width)) << level;
    EXPECT_THAT(ladder.At(level, 0).max, About(115)) << level;
  }
  EXPECT_TRUE(ladder.At(4, 0).empty()) << "32 looks have not passed";
  EXPECT_THAT(ladder.At(0, 7).min, About(100));
  EXPECT_TRUE(ladder.At(0, 8).empty()) << "before the first";
}

TEST(MinimaLadder, AddTellsHowManyWidthsAreComplete) {
  MinimaLadder ladder;
  EXPECT_EQ(ladder.Add(0, 1), 0);
  EXPECT_EQ(ladder.Add(5, 1), 0);
  EXPECT_EQ(ladder.Add(10, 1), 1);
  EXPECT_EQ(ladder.Add(20, 1), 2);
  EXPECT_EQ(ladder.Add(MinimaLadder::WidthSeconds(MinimaLadder::kLevels - 1), 1), MinimaLadder::kLevels);
}

TEST(MinimaLadder, OnlyTheNewestBucketsAreKept) {
  MinimaLadder ladder;
  AddLooks(ladder, 0, 200, [](int look) { return 1.0 * look; });
  EXPECT_THAT(ladder.At(0, MinimaLadder::kBuckets - 1).min, About(198 - 32));
  EXPECT_TRUE(ladder.At(0, MinimaLadder::kBuckets).empty());
}

TEST(MinimaLadder, WhatNobodySawIsEmptyAndNotZero) {
  MinimaLadder ladder;
  AddLooks(ladder, 0, 8, [](int) { return 7.0; });
  ladder.Add(14 * kLook, 7);
  EXPECT_THAT(ladder.At(0, 3).min, About(7));  // looks 6 and 7
  for (int age = 0; age < 3; ++age) EXPECT_TRUE(ladder.At(0, age).empty()) << age;
  EXPECT_THAT(ladder.At(2, 0).min, About(7)) << "eight looks of which some were seen";
  // A gap longer than the ring.
  ladder.Add(10000 * kLook, 7);
  for (int age = 0; age < MinimaLadder::kBuckets; ++age) EXPECT_TRUE(ladder.At(0, age).empty()) << age;
}

TEST(MinimaLadder, HighIsTheHighestFloorAndNotABurst) {
  MinimaLadder ladder;
  // Ten looks at 50, and one at 900.
  AddLooks(ladder, 0, 65, [](int look) {
    return look >= 20 && look < 30 ? 50.0 : look == 40 ? 900.0 : 10.0;
  });
  EXPECT_THAT(ladder.At(4, 0).high, About(10)) << "looks 32 to 63, floors of 4 looks";
  EXPECT_THAT(ladder.At(4, 1).high, About(50)) << "looks 0 to 31";
  EXPECT_THAT(ladder.At(4, 0).max, About(900));
}

TEST(MinimaLadder, CompleteBucketsAreRoundedLittleAtAnySize) {
  for (const double value : {0.0, 1.0, 7.0, 1023.0, 65535.0, 4.1e9, 7e10, 9e18}) {
    MinimaLadder ladder;
    ladder.Add(0, value);
    ladder.Add(MinimaLadder::kFinestSeconds, value);
    EXPECT_THAT(ladder.At(0, 0).min, About(value)) << value;
  }
}

TEST(MinimaLadder, TimeThatFallsIsTheNewestSeen) {
  MinimaLadder ladder;
  ladder.Add(50, 5);
  ladder.Add(0, 3);
  EXPECT_EQ(ladder.last_seconds(), 50);
  ladder.Add(60, 9);
  EXPECT_THAT(ladder.At(0, 0).min, About(3));
}

}  // namespace
}  // namespace agent_exporter::leaks

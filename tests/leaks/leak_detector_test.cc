#include "leaks/leak_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

namespace agent_exporter::leaks {
namespace {

using Resource = agents::ResourceUse::Resource;
using UseScope = agents::ResourceUse::Scope;
using Source = agents::ResourceUse::Source;

constexpr uint64_t kLimit = 10000;
constexpr int kDay = 24 * 60;

class LeakDetectorTest : public testing::Test {
 protected:
  // One value a minute; returns the first minute of evidence, or -1.
  int Run(int minutes, const std::function<double(int minute)>& used, uint64_t limit = kLimit,
          Source source = Source::kRlimit) {
    int first = -1;
    for (int i = 0; i < minutes; ++i, ++minute_) {
      detector_.Add(minute_ * 60.0, {UseScope::kSelf, Resource::kFds, source,
                                     static_cast<uint64_t>(std::max(0.0, used(i))), limit});
      if (first < 0 && HasEvidence()) first = i;
    }
    return first;
  }
  bool HasEvidence() const { return std::isfinite(detector_.Evidence().seconds_to_limit); }

  LeakDetector detector_{UseScope::kSelf, Resource::kFds};
  int minute_ = 0;
};

// A hash, so that noise is the same on every machine.
double Noise(int minute) {
  uint32_t bits = static_cast<uint32_t>(minute) * 2654435761u;
  bits ^= bits >> 15;
  bits *= 2246822519u;
  bits ^= bits >> 13;
  return (bits % 1000) / 1000.0;
}

TEST_F(LeakDetectorTest, AFastLeakIsSeenByHalfTimeAndItsEndIsTold) {
  Run(kDay, [](int minute) { return 1000 + 50 * Noise(minute); });
  EXPECT_FALSE(HasEvidence());
  // 9,000 in an hour: 2.5 a second.
  const int first = Run(60, [](int minute) { return 1000 + 50 * Noise(minute) + 150.0 * minute; });
  ASSERT_GE(first, 0);
  EXPECT_LE(first, 36);
  const agents::LeakEvidence evidence = detector_.Evidence();
  EXPECT_NEAR(evidence.growth_per_second, 2.5, 0.2);
  EXPECT_LT(evidence.seconds_to_limit, 300) << "the hour is over";
  EXPECT_NEAR(evidence.evidence_span_seconds, 3600, 1800);
  EXPECT_EQ(evidence.scope, UseScope::kSelf);
  EXPECT_EQ(evidence.resource, Resource::kFds);
}

TEST_F(LeakDetectorTest, TheTimeToTheLimitIsRightWhenItIsFirstTold) {
  Run(kDay, [](int minute) { return 1000 + 50 * Noise(minute); });
  const double rate = 9000.0 / kDay;  // a day to the limit
  const int first = Run(kDay * 6 / 10, [&](int minute) { return 1000 + 50 * Noise(minute) + rate * minute; });
  ASSERT_GE(first, 0);
  EXPECT_LE(first, kDay / 2);
  const double left = 60.0 * 0.4 * kDay;
  EXPECT_NEAR(detector_.Evidence().seconds_to_limit, left, left / 4);
}

TEST_F(LeakDetectorTest, ALeakBelowASawtoothIsSeen) {
  // Teeth of 20 minutes, a fifth of the limit high, on a floor that takes two days to the limit.
  const auto used = [](int minute) { return 1000 + 100.0 * (minute % 20) + 7000.0 * minute / (2 * kDay); };
  const int first = Run(2 * kDay, used);
  ASSERT_GE(first, 0);
  EXPECT_LE(first, 1.2 * kDay);
}

TEST_F(LeakDetectorTest, AStaircaseIsSeen) {
  Run(kDay, [](int) { return 1000; });
  EXPECT_GE(Run(kDay * 7 / 10, [](int minute) { return 1000 + 300.0 * (minute / 48); }), 0);
}

struct Healthy {
  const char* name;
  double (*used)(int minute);
};
void PrintTo(const Healthy& healthy, std::ostream* out) { *out << healthy.name; }

class LeakDetectorHealthyTest : public LeakDetectorTest, public testing::WithParamInterface<Healthy> {};

TEST_P(LeakDetectorHealthyTest, AWeekWithoutEvidence) { EXPECT_EQ(Run(7 * kDay, GetParam().used), -1); }

double Daily(int minute) { return std::max(0.0, std::sin(2 * std::numbers::pi * minute / kDay)); }

INSTANTIATE_TEST_SUITE_P(
    Shapes, LeakDetectorHealthyTest,
    testing::Values(
        Healthy{"Steady", [](int) { return 3000.0; }},
        Healthy{"SteadyWithNoise", [](int minute) { return 3000 + 300 * Noise(minute); }},
        Healthy{"ShortTeeth", [](int minute) { return 2000 + 300.0 * (minute % 10); }},
        Healthy{"LongTeeth", [](int minute) { return 2000 + 8.0 * (minute % 300); }},
        Healthy{"WarmUpExponential",
                [](int minute) { return 1000 + 5000 * (1 - std::exp(-minute / 200.0)); }},
        Healthy{"WarmUpLogarithmic", [](int minute) { return 1000 + 500 * std::log1p(minute / 5.0); }},
        Healthy{"Daily", [](int minute) { return 2000 + 3000 * Daily(minute) + 100 * Noise(minute); }},
        Healthy{"Step", [](int minute) { return minute < 3000 ? 2000.0 : 6000.0; }},
        Healthy{"ThreeSteps", [](int minute) { return 1000.0 + 2000 * (minute / 2500); }},
        Healthy{"HourlyJob",
                [](int minute) { return minute % 60 < 15 ? 1000 + 200.0 * (minute % 60) : 1000.0; }}),
    [](const testing::TestParamInfo<Healthy>& shape) { return shape.param.name; });

// Without the gate it is named for, each of these is taken for a leak. `before`: healthy minutes; `used`
// counts from their end on.
struct Gate {
  const char* name;
  int before;
  int minutes;
  double (*used)(int minute);
  uint64_t limit = kLimit;
};
void PrintTo(const Gate& gate, std::ostream* out) { *out << gate.name; }

class LeakDetectorGateTest : public LeakDetectorTest, public testing::WithParamInterface<Gate> {};

TEST_P(LeakDetectorGateTest, RefusesWhatWouldPassWithoutIt) {
  const Gate& gate = GetParam();
  EXPECT_EQ(
      Run(gate.before + gate.minutes, [&gate](int i) { return gate.used(i - gate.before); }, gate.limit), -1);
}

double RisesAfter(int minute, double from, double rise, double minutes) {
  return minute < 0 ? from : from + rise * minute / minutes;
}

INSTANTIATE_TEST_SUITE_P(
    Gates, LeakDetectorGateTest,
    testing::Values(
        Gate{"Kendall", 2 * kDay, 560,
             [](int minute) {
               return RisesAfter(minute, 1000, 6000, 1024) + (minute < 0 ? 0 : 1200 * Noise(minute / 64));
             }},
        Gate{"Drawdown", 2 * kDay, 522,
             [](int minute) {
               return RisesAfter(minute, 1000, 6000, 512) - (minute > 64 && minute / 32 % 6 == 5 ? 1500 : 0);
             }},
        Gate{"Step", 2 * kDay, 522,
             [](int minute) { return RisesAfter(minute, 1000, 2400, 512) + (minute >= 256 ? 3600 : 0); }},
        Gate{"LateSlope", 0, 120, [](int minute) { return 1000 + 700 * std::log1p(minute); }, 5000},
        Gate{"Unrest", 2 * kDay, 40,
             [](int minute) {
               return minute < 0 ? 1000 : 1000 + 100.0 * (minute / 2 * 2) + 1800 * (minute % 2);
             },
             8000},
        Gate{"Horizon", 2 * kDay, kDay, [](int minute) { return RisesAfter(minute, 1000, 500, kDay); }},
        Gate{"HorizonYoung", 0, kDay * 9 / 4,
             [](int minute) { return RisesAfter(minute, 1000, 9000, 5 * kDay); }},
        Gate{"HorizonMorning", kDay / 2, 240, [](int minute) { return RisesAfter(minute, 1000, 9000, 600); }},
        Gate{"NewsOfTheRise", 2 * kDay, 512,
             [](int minute) { return minute < 0 ? 4000 : 2000 + 3000.0 * minute / 512; }, 7000},
        Gate{"NewsOfTheRange", 2 * kDay, 420,
             [](int minute) { return minute < -kDay ? 1000 : RisesAfter(minute, 5000, 2500, 420); }, 8500},
        Gate{"LeastShareOfTheLimit", 2 * kDay, 600,
             [](int minute) { return RisesAfter(minute, 9700, 150, 600); }},
        Gate{"LeastUnits", 2 * kDay, 600, [](int minute) { return RisesAfter(minute, 90, 6.5, 600); }, 100}),
    [](const testing::TestParamInfo<Gate>& gate) { return gate.param.name; });

TEST_F(LeakDetectorTest, WhatMayBeAMorningIsBelievedWhereTheDayBeforeIsKnown) {
  EXPECT_GE(Run(2 * kDay + 240, [](int i) { return RisesAfter(i - 2 * kDay, 1000, 9000, 600); }), 0);
}

TEST_F(LeakDetectorTest, ARelapseIsBelievedSooner) {
  const auto life = [](int minute) { return 1000 + 60.0 * minute; };  // 150 minutes to the limit
  const int first = Run(140, life);
  ASSERT_GT(first, 60);
  detector_ = detector_.NextLife();
  EXPECT_FALSE(HasEvidence());
  EXPECT_EQ(detector_.scope(), UseScope::kSelf);
  const int again = Run(140, life);
  EXPECT_GT(again, 30);
  EXPECT_LT(again, first * 4 / 5);

  // A life that ends in health ends the suspicion; one that nobody saw does not.
  detector_ = detector_.NextLife().NextLife();
  EXPECT_EQ(Run(again + 1, life), again);
  Run(1, [](int) { return 1000; });
  detector_ = detector_.NextLife();
  EXPECT_EQ(Run(again + 1, life), -1);
}

TEST_F(LeakDetectorTest, WhatIsGivenBackEndsTheEvidence) {
  Run(kDay, [](int) { return 1000; });
  ASSERT_GE(Run(50, [](int minute) { return 1000 + 150.0 * minute; }), 0);
  Run(1, [](int) { return 1000; });
  EXPECT_FALSE(HasEvidence());
  EXPECT_EQ(detector_.Evidence().growth_per_second, 0);
  EXPECT_EQ(detector_.Evidence().evidence_span_seconds, 0);
}

TEST_F(LeakDetectorTest, ANewLimitStartsAnewOnceItHasSettled) {
  Run(kDay, [](int) { return 1000; });
  ASSERT_GE(Run(50, [](int minute) { return 1000 + 150.0 * minute; }), 0);
  Run(2, [](int) { return 8500; }, 2 * kLimit);
  EXPECT_TRUE(HasEvidence()) << "for a moment only";
  Run(5, [](int) { return 8500; }, 2 * kLimit);
  EXPECT_FALSE(HasEvidence());
}

TEST_F(LeakDetectorTest, ALimitThatIsTheTightestNowAndThenDoesNotDisturb) {
  Run(kDay, [](int) { return 1000; });
  int first = -1;
  for (int i = 0; i < 50 && first < 0; ++i) {
    Run(
        1, [&](int) { return i % 5 == 4 ? 10 : 1000 + 150.0 * i; }, i % 5 == 4 ? 64 : kLimit,
        i % 5 == 4 ? Source::kHost : Source::kRlimit);
    if (HasEvidence()) first = i;
  }
  EXPECT_GE(first, 0);
}

TEST_F(LeakDetectorTest, AGapIsNoZero) {
  Run(kDay, [](int) { return 1000; });
  Run(20, [](int minute) { return 1000 + 150.0 * minute; });
  minute_ += 6;  // nobody looked, and it went on
  EXPECT_GE(Run(25, [](int minute) { return 1000 + 150.0 * (minute + 26); }), 0);
}

}  // namespace
}  // namespace agent_exporter::leaks

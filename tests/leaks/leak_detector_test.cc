#include "leaks/leak_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

namespace agent_exporter::leaks {
namespace {

constexpr uint64_t kLimit = 10000;
constexpr int kDay = 24 * 60;

class LeakDetectorTest : public testing::Test {
 protected:
  // One value a minute, or each `step` seconds; returns the first number with a verdict, or -1.
  int Run(int count, const std::function<double(int number)>& used, uint64_t limit = kLimit,
          double step = 60) {
    int first = -1;
    for (int i = 0; i < count; ++i, now_ += step) {
      detector_.Add(now_, static_cast<uint64_t>(std::max(0.0, used(i))), limit);
      if (first < 0 && HasEvidence()) first = i;
    }
    return first;
  }
  bool HasEvidence() const { return detector_.Current().severity != Severity::kNone; }
  bool Pages() const { return detector_.Current().severity == Severity::kPage; }

  LeakDetector detector_{8};
  double now_ = 0;
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
  const Judgement verdict = detector_.Current();
  EXPECT_NEAR(verdict.growth_per_second, 2.5, 0.2);
  EXPECT_LT(verdict.seconds_to_limit, 300) << "the hour is over";
  EXPECT_NEAR(verdict.span_seconds, 3600, 1800);
}

TEST_F(LeakDetectorTest, TheTimeToTheLimitIsRightWhenItIsFirstTold) {
  Run(kDay, [](int minute) { return 1000 + 50 * Noise(minute); });
  const double rate = 9000.0 / kDay;  // a day to the limit
  const int first = Run(kDay * 6 / 10, [&](int minute) { return 1000 + 50 * Noise(minute) + rate * minute; });
  ASSERT_GE(first, 0);
  EXPECT_LE(first, kDay / 2);
  const double left = 60.0 * 0.4 * kDay;
  EXPECT_NEAR(detector_.Current().seconds_to_limit, left, left / 4);
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
               return RisesAfter(minute, 1000, 6000, 1024) + (minute < 0 ? 0 : 1700 * Noise(minute / 64));
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
  const int again = Run(140, life);
  EXPECT_GT(again, 30);
  EXPECT_LT(again, first * 4 / 5);

  // A life that ends in health ends the suspicion; one that nobody saw does not.
  detector_ = detector_.NextLife().NextLife();
  EXPECT_GE(Run(again + 1, life), again - 5);
  Run(1, [](int) { return 1000; });
  detector_ = detector_.NextLife();
  EXPECT_EQ(Run(again + 1, life), -1);
}

TEST_F(LeakDetectorTest, WhatIsGivenBackEndsTheEvidence) {
  Run(kDay, [](int) { return 1000; });
  ASSERT_GE(Run(50, [](int minute) { return 1000 + 150.0 * minute; }), 0);
  Run(1, [](int) { return 1000; });
  EXPECT_FALSE(HasEvidence());
}

TEST_F(LeakDetectorTest, ALimitThatMovesALittleMovesTheEstimate) {
  Run(kDay, [](int) { return 1000; });
  ASSERT_GE(Run(50, [](int minute) { return 1000 + 150.0 * minute; }), 0);
  const double left = detector_.Current().seconds_to_limit;
  Run(1, [](int) { return 8500; }, kLimit + 1500);
  EXPECT_NEAR(detector_.Current().seconds_to_limit, left + 600 - 60, 30);
}

TEST_F(LeakDetectorTest, ALeakUnderALimitThatJittersIsSeen) {
  Run(kDay, [](int) { return 1000; });
  int first = -1;
  for (int i = 0; i < 60 && first < 0; ++i) {
    Run(1, [&](int) { return 1000 + 150.0 * i; }, static_cast<uint64_t>(kLimit * (1 + 0.05 * std::sin(i))));
    if (HasEvidence()) first = i;
  }
  EXPECT_GE(first, 0);
  EXPECT_LE(first, 40);
}

TEST_F(LeakDetectorTest, AfterALargeChangeOfTheLimitItIsJudgedAnew) {
  Run(kDay, [](int) { return 1000; });
  ASSERT_GE(Run(50, [](int minute) { return 1000 + 150.0 * minute; }), 0);
  Run(1, [](int) { return 8500; }, 10 * kLimit);
  EXPECT_FALSE(HasEvidence());
}

TEST_F(LeakDetectorTest, AQuickLeakPagesWithAThirdOfItsTimeLeft) {
  // 1,024 descriptors within five minutes, after an hour of health.
  Run(720, [](int) { return 60; }, 1024, 5);
  const int first = Run(60, [](int look) { return 60 + 964.0 * look / 60; }, 1024, 5);
  ASSERT_GE(first, 0);
  EXPECT_LE(first, 45);
  EXPECT_TRUE(Pages());
  EXPECT_LT(detector_.Current().seconds_to_limit, 120);
}

TEST_F(LeakDetectorTest, AQuickRampThatWasThereBeforeIsNone) {
  const auto build = [](int look) { return 60 + (look % 720 < 60 ? 964.0 * 0.9 * (look % 720) / 60 : 0.0); };
  Run(720, build, 1024, 5);  // the first one cannot be told from a leak
  EXPECT_EQ(Run(720 * 5, build, 1024, 5), -1);
}

TEST_F(LeakDetectorTest, BothJudgesTogetherPageWhenTheLimitIsHoursAway) {
  Run(2 * kDay, [](int minute) { return 1000 + 50 * Noise(minute); });
  Run(kDay / 2, [](int minute) { return 1000 + 50 * Noise(minute) + 9000.0 * minute / kDay; });
  EXPECT_TRUE(HasEvidence());
  EXPECT_FALSE(Pages()) << "twelve hours are left";
  Run(kDay / 4, [](int minute) { return 5500 + 50 * Noise(minute) + 9000.0 * minute / kDay; });
  EXPECT_TRUE(Pages());
}

TEST_F(LeakDetectorTest, AnAcceleratingLeakIsTimedByItsNewestHalf) {
  Run(kDay, [](int) { return 1000; });
  const auto used = [](int minute) { return 1000 + 9000.0 * minute * minute / (600.0 * 600); };
  const int first = Run(480, used);
  ASSERT_GE(first, 0);
  EXPECT_LT(detector_.Current().seconds_to_limit, 1.5 * 120 * 60) << "ten hours to the limit, eight are gone";
}

TEST_F(LeakDetectorTest, AVerdictIsKeptOverAPause) {
  Run(kDay, [](int) { return 1000; });
  ASSERT_GE(Run(50, [](int minute) { return 1000 + 150.0 * minute; }), 0);
  EXPECT_EQ(Run(10, [](int) { return 8350; }), 0);
  EXPECT_TRUE(HasEvidence()) << "one leak is one episode";
  Run(120, [](int) { return 8350; });
  EXPECT_FALSE(HasEvidence());
}

TEST_F(LeakDetectorTest, WhatIsSavedGoesOn) {
  Run(kDay, [](int) { return 1000; });
  Run(50, [](int minute) { return 1000 + 150.0 * minute; });
  base::ByteWriter saved;
  detector_.Save(saved);
  LeakDetector other(8);
  base::ByteReader in(saved.bytes());
  ASSERT_TRUE(other.Load(in));
  EXPECT_EQ(other.Current().severity, detector_.Current().severity);
  EXPECT_EQ(other.Current().seconds_to_limit, detector_.Current().seconds_to_limit);
}

TEST_F(LeakDetectorTest, APlannedRestartIsNoCrash) {
  // Restarted each night at two thirds of the limit: the next day is not news until it is above that.
  const auto day = [](int minute) { return 1000 + 5500.0 * minute / kDay; };
  Run(kDay, day);
  detector_ = detector_.NextLife();
  EXPECT_EQ(Run(kDay, day), -1);
}

TEST_F(LeakDetectorTest, AGapIsNoZero) {
  Run(kDay, [](int) { return 1000; });
  Run(20, [](int minute) { return 1000 + 150.0 * minute; });
  now_ += 6 * 60;  // nobody looked, and it went on
  EXPECT_GE(Run(25, [](int minute) { return 1000 + 150.0 * (minute + 26); }), 0);
}

}  // namespace
}  // namespace agent_exporter::leaks

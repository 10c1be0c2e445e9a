#include "run/flight_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::run {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const FlightFigure& FdsFigure() { return FlightFigures()[2]; }

class FlightRecorderTest : public testing::Test {
 protected:
  FlightRecorderTest() {
    agent_ = collectors::MakeAgent("codex", {collectors::MakeReadable(10, agents::Role::kRoot)});
  }

  void Tick(double seconds) {
    now_ += seconds;
    agents::Observation observation = collectors::MakeObservation({agent_});
    observation.monotonic_seconds = now_;
    recorder_.Add(observation);
  }
  agents::ProcessSample& root() { return agent_.processes[0]; }

  double now_ = 1000;
  agents::AgentSample agent_;
  FlightRecorder recorder_;
};

TEST_F(FlightRecorderTest, TheLastPointIsTheNewestTickAndAgesCountBack) {
  Tick(1);
  root().usage.open_fds = 77;
  Tick(1);
  const auto record = recorder_.Record(root().key, now_ + 0.5);
  ASSERT_TRUE(record);
  ASSERT_EQ(record->points.size(), 2u);
  EXPECT_EQ(record->points[0].seconds, 1.5);
  EXPECT_EQ(record->points[1].seconds, 0.5);
  EXPECT_EQ(record->points[1].open_fds, 77u);
}

TEST_F(FlightRecorderTest, TheFirstTickHasNoCpu) {
  Tick(1);
  Tick(1);
  const auto record = recorder_.Record(root().key, now_);
  EXPECT_EQ(record->points[0].cpu_ratio, std::nullopt);
  EXPECT_EQ(record->points[1].cpu_ratio, root().cpu_ratio);
}

TEST_F(FlightRecorderTest, StaysBoundedHoweverFastTheTicksAndCoversTenMinutes) {
  for (int i = 0; i < 12'000; ++i) Tick(0.1);
  const auto record = recorder_.Record(root().key, now_);
  EXPECT_LE(record->points.size(), FlightRecorder::kMaxPoints + 1);
  EXPECT_GT(record->points.size(), 100u);
  EXPECT_GT(record->points.front().seconds, 0.9 * FlightRecorder::kSeconds);
  EXPECT_LE(record->points.front().seconds, FlightRecorder::kSeconds);
  EXPECT_EQ(record->points.back().seconds, 0);
}

TEST_F(FlightRecorderTest, SumsTheTreeAndAnUnreadablePartMakesItUnknown) {
  agent_.processes.push_back(collectors::MakeReadable(20, agents::Role::kDescendant));
  agent_.processes.push_back(collectors::MakeProcess(21, agents::Role::kDescendant, 'Z'));
  Tick(1);
  EXPECT_EQ(recorder_.Record(root().key, now_)->points[0].tree_open_fds, 30u);
  EXPECT_EQ(recorder_.Record(root().key, now_)->points[0].descendants, 2u);
  agent_.processes.push_back(collectors::MakeProcess(22, agents::Role::kDescendant));
  Tick(1);
  EXPECT_EQ(recorder_.Record(root().key, now_)->points[1].tree_open_fds, std::nullopt);
  EXPECT_EQ(recorder_.Record(root().key, now_)->points[1].open_fds, 10u);
}

TEST_F(FlightRecorderTest, ASlotUsedAgainStartsAnew) {
  Tick(1);
  Tick(1);
  root().key = {11, 2000};
  Tick(1);
  EXPECT_EQ(recorder_.Record({11, 2000}, now_)->points.size(), 1u);
  EXPECT_EQ(recorder_.Record({11, 2001}, now_), std::nullopt);
}

TEST_F(FlightRecorderTest, PeaksAreOfTheWholeLife) {
  root().usage.resident_bytes = 5000;
  Tick(1);
  root().usage.resident_bytes = 100;
  for (int i = 0; i < 700; ++i) Tick(1);
  EXPECT_EQ(recorder_.Record(root().key, now_)->peak_resident_bytes, 5000u);
}

TEST_F(FlightRecorderTest, ALimitIsAsFullAsBeforeTheRootGaveEverythingBack) {
  const auto fds = [this](uint64_t used) {
    agent_.resources = {{agents::ResourceUse::Scope::kSelf, agents::ResourceUse::Resource::kFds,
                         agents::ResourceUse::Source::kRlimit, used, 256}};
    Tick(1);
    return recorder_.Record(root().key, now_)->resources.at(0).used;
  };
  EXPECT_EQ(fds(200), 200u);
  EXPECT_EQ(fds(256), 256u);
  EXPECT_EQ(fds(37), 256u);  // it may be on its way out
  EXPECT_EQ(fds(38), 38u);   // it was not
}

TEST_F(FlightRecorderTest, AnEndedRootIsForgottenAfterAMinute) {
  Tick(1);
  const kernel::ProcessKey key = root().key;
  agent_.processes.clear();
  Tick(50);
  EXPECT_TRUE(recorder_.Record(key, now_));
  Tick(11);
  EXPECT_FALSE(recorder_.Record(key, now_));
}

// An agent that piles up instances: those that were recorded stay so, of the others the newest point is
// known.
TEST_F(FlightRecorderTest, RootsBeyondTheLimitTakeNothingFromTheOthers) {
  agent_.processes.clear();
  constexpr pid_t kRoots = FlightRecorder::kMaxRoots + 100;
  for (pid_t pid = 1; pid <= kRoots; ++pid)
    agent_.processes.push_back(collectors::MakeReadable(pid, agents::Role::kRoot));
  for (int i = 0; i < 5; ++i) Tick(1);
  EXPECT_EQ(recorder_.roots(), kRoots);
  size_t whole = 0, newest_only = 0;
  for (const agents::ProcessSample& process : agent_.processes) {
    const auto record = recorder_.Record(process.key, now_);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->points.back().seconds, 0);
    EXPECT_EQ(record->points.back().open_fds, process.usage.open_fds);
    EXPECT_EQ(record->points.back().cpu_ratio, process.cpu_ratio);
    whole += record->points.size() == 5;
    newest_only += record->points.size() == 1;
  }
  EXPECT_EQ(whole, FlightRecorder::kMaxRoots);
  EXPECT_EQ(newest_only, 100u);
}

TEST_F(FlightRecorderTest, RootsThatEndedMakeRoom) {
  agent_.processes.clear();
  for (pid_t pid = 1; pid <= static_cast<pid_t>(FlightRecorder::kMaxRoots); ++pid) {
    agent_.processes.push_back(collectors::MakeReadable(pid, agents::Role::kRoot));
  }
  Tick(1);
  const kernel::ProcessKey ended = agent_.processes.front().key;
  agent_.processes.front() = collectors::MakeReadable(9999, agents::Role::kRoot);
  for (int i = 0; i < 3; ++i) Tick(1);
  EXPECT_FALSE(recorder_.Record(ended, now_));
  EXPECT_GE(recorder_.Record(agent_.processes.front().key, now_)->points.size(), 2u);
  EXPECT_EQ(recorder_.Record(agent_.processes.back().key, now_)->points.size(), 4u);
}

TEST(GrowthOf, TellsFortyAMinuteInSpiteOfASpike) {
  std::vector<FlightPoint> points;
  for (int i = 0; i <= 60; ++i) {
    points.push_back({.seconds = 600.0 - 10 * i, .open_fds = 100 + static_cast<uint64_t>(i) * 40 / 6});
  }
  points[30].open_fds = 900;
  const auto growth = GrowthOf(points, FdsFigure().value);
  ASSERT_TRUE(growth);
  EXPECT_NEAR(growth->per_minute, 40, 0.5);
  EXPECT_EQ(growth->span_seconds, 600);
}

TEST(GrowthOf, NeedsThreePointsThatCouldBeRead) {
  std::vector<FlightPoint> points(5);
  for (int i = 0; i < 5; ++i) points[static_cast<size_t>(i)].seconds = 5 - i;
  EXPECT_FALSE(GrowthOf(points, FdsFigure().value));
  points[0].open_fds = points[4].open_fds = 1;
  EXPECT_FALSE(GrowthOf(points, FdsFigure().value));
  points[2].open_fds = 1;
  EXPECT_EQ(GrowthOf(points, FdsFigure().value)->per_minute, 0);
}

TEST(FlightTable, IsSmallAndEndsWithTheNewest) {
  FlightRecord record;
  for (uint64_t i = 0; i < 100; ++i) {
    record.points.push_back(
        {.seconds = 99.0 - static_cast<double>(i), .resident_bytes = (i + 1) << 20, .open_fds = i});
  }
  const std::string table = FlightTable(record, 8);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 9);
  EXPECT_THAT(table, HasSubstr("0.0s    100.0MB          -     99        -"));
  EXPECT_EQ(FlightTable(FlightRecord{}), "");
}

TEST(FlightRecordJson, ComesBackAsItWas) {
  FlightRecord record{.points = {{.seconds = 2, .open_fds = 3, .descendants = 1},
                                 {.seconds = 1, .resident_bytes = 5, .cpu_ratio = 0.5}},
                      .resources = {{agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kFds,
                                     agents::ResourceUse::Source::kRlimit, 255, 256}},
                      .peak_open_fds = 9,
                      .left_behind = {"sleep (12)"}};
  const auto back = FlightRecordFromJson(nlohmann::json::parse(FlightRecordToJson(record).dump()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(FlightRecordToJson(*back), FlightRecordToJson(record));
  EXPECT_EQ(back->points[0].resident_bytes, std::nullopt);
  EXPECT_EQ(back->resources[0].limit, 256u);
  EXPECT_THAT(back->left_behind, ElementsAre("sleep (12)"));
}

TEST(FlightRecordJson, AnythingElseIsRefused) {
  for (const char* text : {"{}", "[]", "1", R"({"points":[{}],"limits":[],"peaks":{"descendants":1}})",
                           R"({"points":[],"limits":[{"scope":"x"}],"peaks":{"descendants":1}})"}) {
    EXPECT_FALSE(FlightRecordFromJson(nlohmann::json::parse(text)).ok()) << text;
  }
}

}  // namespace
}  // namespace agent_exporter::run

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Each;
using testing::Pair;
using testing::StartsWith;

TEST(Exits, CountFromZeroInEveryCategory) {
  const Samples samples =
      Collect("exits", MakeObservation({MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)})}));
  EXPECT_EQ(samples.size(), agents::kExitCategories.size());
  EXPECT_THAT(samples, Each(Pair(StartsWith("agent_exits_total{agent=\"codex\",category="), 0)));
}

TEST(Exits, ByCategoryWithTimeAndLimitsOfTheLast) {
  agents::AgentSample agent = MakeAgent("codex");
  agent.slot = "1";
  agent.counters.exits = {{agents::ExitCategory::kSuccess, 3}, {agents::ExitCategory::kOomHost, 1}};
  agent.last_exit = agents::LastExit{.wall_seconds = 1'700'000'050,
                                     .used_ratio = {{agents::ResourceUse::Resource::kFds, 1.0},
                                                    {agents::ResourceUse::Resource::kMemory, 0.25}}};
  const Samples samples = Collect("exits", MakeObservation({agent}));
  EXPECT_EQ(samples.size(), agents::kExitCategories.size() + 3);
  EXPECT_EQ(samples.at("agent_exits_total{agent=\"codex\",slot=\"1\",category=\"success\"}"), 3);
  EXPECT_EQ(samples.at("agent_exits_total{agent=\"codex\",slot=\"1\",category=\"oom-host\"}"), 1);
  EXPECT_EQ(samples.at("agent_exits_total{agent=\"codex\",slot=\"1\",category=\"sigterm\"}"), 0);
  EXPECT_EQ(samples.at("agent_last_exit_resource_used_ratio{agent=\"codex\",slot=\"1\",resource=\"fds\"}"),
            1);
  EXPECT_EQ(samples.at("agent_last_exit_resource_used_ratio{agent=\"codex\",slot=\"1\",resource=\"memory\"}"),
            0.25);
  EXPECT_EQ(samples.at("agent_last_exit_timestamp_seconds{agent=\"codex\",slot=\"1\"}"), 1'700'000'050);
}

}  // namespace
}  // namespace agent_exporter::collectors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(AgentSelf, SumsTheRootsAndNothingBelow) {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(7, agents::Role::kRoot), MakeReadable(8, agents::Role::kRoot),
                          MakeReadable(900, agents::Role::kDescendant)});
  agent.processes[0].threads = 4;
  agent.configured = true;
  agent.counters.self_cpu = {1'500'000'000, 250'000'000};
  agent.counters.restarts = 3;
  EXPECT_THAT(
      Collect("agent_self", MakeObservation({agent})),
      UnorderedElementsAre(Pair("agent_up{agent=\"codex\"}", 1), Pair("agent_configured{agent=\"codex\"}", 1),
                           Pair("agent_instances{agent=\"codex\"}", 2),
                           Pair("agent_self_resident_memory_bytes{agent=\"codex\"}", 15000),
                           Pair("agent_self_virtual_memory_bytes{agent=\"codex\"}", 150000),
                           Pair("agent_self_threads{agent=\"codex\"}", 5),
                           Pair("agent_self_open_fds{agent=\"codex\"}", 15),
                           Pair("agent_self_max_fds{agent=\"codex\"}", 2048),
                           Pair("agent_self_start_time_seconds{agent=\"codex\"}", 1'700'000'010),
                           Pair("agent_self_uptime_seconds{agent=\"codex\"}", 70),
                           Pair("agent_self_cpu_seconds_total{agent=\"codex\",mode=\"user\"}", 1.5),
                           Pair("agent_self_cpu_seconds_total{agent=\"codex\",mode=\"system\"}", 0.25),
                           Pair("agent_restarts_total{agent=\"codex\"}", 3)));
}

TEST(AgentSelf, AnAgentWithoutProcessesIsDownAndHasNoFigures) {
  agents::AgentSample agent = MakeAgent("codex");
  agent.configured = true;
  EXPECT_THAT(
      Collect("agent_self", MakeObservation({agent})),
      UnorderedElementsAre(Pair("agent_up{agent=\"codex\"}", 0), Pair("agent_configured{agent=\"codex\"}", 1),
                           Pair("agent_instances{agent=\"codex\"}", 0),
                           Pair("agent_self_cpu_seconds_total{agent=\"codex\",mode=\"user\"}", 0),
                           Pair("agent_self_cpu_seconds_total{agent=\"codex\",mode=\"system\"}", 0),
                           Pair("agent_restarts_total{agent=\"codex\"}", 0)));
}

TEST(AgentSelf, AZombieRootIsNotUp) {
  const Samples samples = Collect(
      "agent_self", MakeObservation({MakeAgent("codex", {MakeProcess(7, agents::Role::kRoot, 'Z')})}));
  EXPECT_THAT(samples, Contains(Pair("agent_up{agent=\"codex\"}", 0)));
  EXPECT_THAT(samples, Not(Contains(Key("agent_self_uptime_seconds{agent=\"codex\"}"))));
  EXPECT_THAT(samples, Not(Contains(Key("agent_self_resident_memory_bytes{agent=\"codex\"}"))));
}

TEST(AgentSelf, AnUnreadableFigureOfOneRootIsAbsentForAll) {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(7, agents::Role::kRoot), MakeReadable(8, agents::Role::kRoot)});
  agent.processes[1].usage.open_fds.reset();
  agent.processes[1].limits.open_files.reset();
  const Samples samples = Collect("agent_self", MakeObservation({agent}));
  EXPECT_THAT(samples, Not(Contains(Key("agent_self_open_fds{agent=\"codex\"}"))));
  EXPECT_THAT(samples, Not(Contains(Key("agent_self_max_fds{agent=\"codex\"}"))));
  EXPECT_THAT(samples, Contains(Pair("agent_self_resident_memory_bytes{agent=\"codex\"}", 15000)));
}

TEST(AgentSelf, KindAndSlotOnlyIfTheRuleSetsThem) {
  agents::AgentSample agent = MakeAgent("worker", {MakeReadable(7, agents::Role::kRoot)});
  agent.kind = "plugin";
  agent.slot = "3";
  EXPECT_THAT(
      Collect("agent_self",
              MakeObservation({agent, MakeAgent("worker", {MakeReadable(8, agents::Role::kRoot)})})),
      testing::AllOf(Contains(Pair("agent_self_open_fds{agent=\"worker\",kind=\"plugin\",slot=\"3\"}", 7)),
                     Contains(Pair("agent_self_open_fds{agent=\"worker\"}", 8))));
}

}  // namespace
}  // namespace agent_exporter::collectors

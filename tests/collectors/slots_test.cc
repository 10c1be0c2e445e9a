#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

agents::AgentSample Slot(std::vector<agents::ProcessSample> processes) {
  agents::AgentSample agent = MakeAgent("pool", std::move(processes));
  agent.kind = "worker";
  agent.slot = "3";
  return agent;
}

TEST(Slots, ShowTheOwnProcessNotItsChildren) {
  agents::AgentSample agent =
      Slot({MakeReadable(7, agents::Role::kRoot), MakeReadable(40, agents::Role::kDescendant)});
  agent.processes[0].cpu_ratio = 0.92;
  agent.processes[1].cpu_ratio = 1;
  EXPECT_THAT(Collect("slots", MakeObservation({agent})),
              UnorderedElementsAre(
                  Pair("agent_slot_resident_memory_bytes{agent=\"pool\",kind=\"worker\",slot=\"3\"}", 7000),
                  Pair("agent_slot_cpu_usage_ratio{agent=\"pool\",kind=\"worker\",slot=\"3\"}", 0.92)));
}

TEST(Slots, EndWithTheProcess) {
  EXPECT_THAT(Collect("slots", MakeObservation({Slot({})})), IsEmpty());
  EXPECT_THAT(Collect("slots", MakeObservation({Slot({MakeProcess(7, agents::Role::kRoot, 'Z')})})),
              IsEmpty());
}

TEST(Slots, WhatCouldNotBeReadIsAbsent) {
  agents::AgentSample agent = Slot({MakeProcess(7, agents::Role::kRoot)});
  agent.processes[0].cpu_ratio = 0.5;
  EXPECT_THAT(Collect("slots", MakeObservation({agent})),
              UnorderedElementsAre(
                  Pair("agent_slot_cpu_usage_ratio{agent=\"pool\",kind=\"worker\",slot=\"3\"}", 0.5)));
}

TEST(Slots, AnAgentWithoutASlotHasNone) {
  EXPECT_THAT(Collect("slots", MakeObservation({MakeAgent("codex", {MakeReadable(7, agents::Role::kRoot)})})),
              IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

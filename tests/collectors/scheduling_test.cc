#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Scheduling, VoluntaryAndInvoluntary) {
  agents::AgentSample agent = MakeAgent("codex");
  agent.counters.voluntary_switches = 5;
  agent.counters.involuntary_switches = 6;
  EXPECT_THAT(
      Collect("scheduling", MakeObservation({agent})),
      UnorderedElementsAre(Pair("agent_context_switches_total{agent=\"codex\",type=\"voluntary\"}", 5),
                           Pair("agent_context_switches_total{agent=\"codex\",type=\"involuntary\"}", 6)));
}

}  // namespace
}  // namespace agent_exporter::collectors

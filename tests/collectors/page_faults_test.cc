#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(PageFaults, MinorAndMajorOfEachAgent) {
  agents::AgentSample agent = MakeAgent("codex");
  agent.counters.minor_faults = 12;
  agent.counters.major_faults = 3;
  EXPECT_THAT(Collect("page_faults", MakeObservation({agent})),
              UnorderedElementsAre(Pair("agent_page_faults_total{agent=\"codex\",type=\"minor\"}", 12),
                                   Pair("agent_page_faults_total{agent=\"codex\",type=\"major\"}", 3)));
}

}  // namespace
}  // namespace agent_exporter::collectors

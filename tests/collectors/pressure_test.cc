#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Pressure, ByResourceAndKind) {
  agents::Observation observation = MakeObservation();
  observation.host.pressure = {{{"cpu", "some"}, 1.25}, {{"memory", "full"}, 0.5}};
  EXPECT_THAT(Collect("pressure", observation),
              UnorderedElementsAre(
                  Pair("agent_host_pressure_waiting_seconds_total{resource=\"cpu\",kind=\"some\"}", 1.25),
                  Pair("agent_host_pressure_waiting_seconds_total{resource=\"memory\",kind=\"full\"}", 0.5)));
}

TEST(Pressure, AbsentIfTheKernelHasNone) {
  EXPECT_THAT(Collect("pressure", MakeObservation()), testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(NamedProcesses, ShowsEveryConfiguredName) {
  agents::Observation observation = MakeObservation();
  observation.host.named_processes = {{"claude", 3}, {"bun", 0}};
  EXPECT_THAT(Collect("named_processes", observation),
              UnorderedElementsAre(Pair("agent_host_named_processes{name=\"claude\"}", 3),
                                   Pair("agent_host_named_processes{name=\"bun\"}", 0)));
}

TEST(NamedProcesses, ShowsNothingWithoutConfiguredNames) {
  EXPECT_THAT(Collect("named_processes", MakeObservation()), testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

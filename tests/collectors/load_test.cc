#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Load, ThreeAverages) {
  agents::Observation observation = MakeObservation();
  observation.host.load = kernel::HostLoad{.average = {0.5, 1.5, 2.5}, .threads = 9};
  EXPECT_THAT(Collect("load", observation),
              UnorderedElementsAre(Pair("agent_host_load1", 0.5), Pair("agent_host_load5", 1.5),
                                   Pair("agent_host_load15", 2.5)));
}

TEST(Load, AbsentWhenUnreadable) { EXPECT_THAT(Collect("load", MakeObservation()), testing::IsEmpty()); }

}  // namespace
}  // namespace agent_exporter::collectors

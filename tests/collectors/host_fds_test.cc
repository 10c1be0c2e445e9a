#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(HostFds, OpenAndMax) {
  agents::Observation observation = MakeObservation();
  observation.host.open_fds = 1000;
  observation.host.max_fds = 4096;
  EXPECT_THAT(Collect("host_fds", observation),
              UnorderedElementsAre(Pair("agent_host_open_fds", 1000), Pair("agent_host_max_fds", 4096)));
}

TEST(HostFds, AbsentWhenUnreadable) {
  EXPECT_THAT(Collect("host_fds", MakeObservation()), testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

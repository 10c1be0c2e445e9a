#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(HostMemory, TotalUsedAvailableAndKills) {
  agents::Observation observation = MakeObservation();
  observation.host.memory = kernel::HostMemory{.total = 100, .available = 70, .used = 30};
  observation.host.oom_kills = 2;
  EXPECT_THAT(Collect("host_memory", observation),
              UnorderedElementsAre(
                  Pair("agent_host_memory_total_bytes", 100), Pair("agent_host_memory_available_bytes", 70),
                  Pair("agent_host_memory_used_bytes", 30), Pair("agent_host_oom_kills_total", 2)));
}

TEST(HostMemory, AbsentWhenUnreadable) {
  EXPECT_THAT(Collect("host_memory", MakeObservation()), testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

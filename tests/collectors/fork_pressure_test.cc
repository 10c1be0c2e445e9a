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

agents::Observation Host(uint64_t processes, uint64_t threads, uint64_t pid_max, uint64_t threads_max) {
  agents::Observation observation = MakeObservation();
  observation.host.processes = processes;
  observation.host.load = kernel::HostLoad{.average = {0, 0, 0}, .threads = threads};
  observation.host.pid_max = pid_max;
  observation.host.threads_max = threads_max;
  return observation;
}

TEST(ForkPressure, TheRatioCountsProcessesTheHeadroomTasks) {
  EXPECT_THAT(Collect("fork_pressure", Host(100, 900, 1000, 5000)),
              UnorderedElementsAre(Pair("agent_host_processes", 100), Pair("agent_host_threads", 900),
                                   Pair("agent_host_pid_max", 1000), Pair("agent_host_threads_max", 5000),
                                   Pair("agent_host_fork_pressure_ratio", 0.1),
                                   Pair("agent_host_fork_headroom_tasks{limit=\"pid_max\"}", 100),
                                   Pair("agent_host_fork_headroom_tasks{limit=\"threads_max\"}", 4100)));
}

TEST(ForkPressure, MoreTasksThanTheLimitLeaveNone) {
  EXPECT_THAT(Collect("fork_pressure", Host(100, 900, 400, 5000)),
              Contains(Pair("agent_host_fork_headroom_tasks{limit=\"pid_max\"}", 0)));
}

TEST(ForkPressure, PerAgentWhereACgroupLimitsTasks) {
  agents::Observation observation = MakeObservation({MakeAgent("codex"), MakeAgent("free")});
  observation.agents[0].cgroup_pids_headroom = 12;
  EXPECT_THAT(Collect("fork_pressure", observation),
              UnorderedElementsAre(
                  Pair("agent_host_fork_headroom_tasks{agent=\"codex\",limit=\"cgroup_pids\"}", 12)));
}

TEST(ForkPressure, NoRatioWithoutBothFigures) {
  agents::Observation observation = Host(100, 900, 1000, 5000);
  observation.host.pid_max.reset();
  const Samples samples = Collect("fork_pressure", observation);
  EXPECT_THAT(samples, Not(Contains(Key("agent_host_fork_pressure_ratio"))));
  EXPECT_THAT(samples, Not(Contains(Key("agent_host_fork_headroom_tasks{limit=\"pid_max\"}"))));
  EXPECT_THAT(samples, Contains(Key("agent_host_fork_headroom_tasks{limit=\"threads_max\"}")));
}

}  // namespace
}  // namespace agent_exporter::collectors

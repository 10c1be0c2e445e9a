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

TEST(Exporter, ShowsItselfFromTheObservation) {
  agents::Observation observation = MakeObservation({MakeAgent(
      "agent_exporter", {MakeReadable(5, agents::Role::kRoot), MakeReadable(6, agents::Role::kRoot)})});
  observation.self_pid = 6;
  observation.agents[0].processes[1].cpu = {1'000'000'000, 500'000'000};
  observation.agents_folded = 4;
  observation.unreadable = {{{"io", "permission"}, 3}};
  EXPECT_THAT(
      Collect("exporter", observation),
      UnorderedElementsAre(Pair("agent_exporter_process_source_info{source=\"procfs\"}", 1),
                           Pair("agent_exporter_process_events_info{events=\"none\"}", 1),
                           Pair("agent_exporter_unreadable{file=\"io\",reason=\"permission\"}", 3),
                           Pair("agent_exporter_agents_folded", 4), Pair("process_cpu_seconds_total", 1.5),
                           Pair("process_resident_memory_bytes", 6000),
                           Pair("process_virtual_memory_bytes", 60000), Pair("process_open_fds", 6),
                           Pair("process_max_fds", 1024), Pair("process_start_time_seconds", 1'700'000'010)));
}

TEST(Exporter, ShowsLostEvents) {
  agents::Observation observation = MakeObservation({});
  observation.process_events = "bpf";
  observation.events_lost = 7;
  observation.tracking_disagreements = 2;
  const auto samples = Collect("exporter", observation);
  EXPECT_THAT(samples, Contains(Pair("agent_exporter_process_events_info{events=\"bpf\"}", 1)));
  EXPECT_THAT(samples, Contains(Pair("agent_exporter_events_lost_total", 7)));
  EXPECT_THAT(samples, Contains(Pair("agent_exporter_tracking_disagreements_total", 2)));
}

TEST(Exporter, IgnoresAnotherAgentWithItsPid) {
  agents::Observation observation =
      MakeObservation({MakeAgent("codex", {MakeReadable(6, agents::Role::kRoot)})});
  observation.self_pid = 6;
  EXPECT_THAT(Collect("exporter", observation), Not(Contains(Key("process_open_fds"))));
}

}  // namespace
}  // namespace agent_exporter::collectors

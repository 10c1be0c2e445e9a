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

std::string Of(const std::string& metric) { return metric + "{agent=\"codex\"}"; }

TEST(Descendants, CountsTheTreeByState) {
  agents::AgentSample agent = MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)});
  for (const char state : {'R', 'S', 'S', 'I', 'D', 'T', 't', 'Z'}) {
    agent.processes.push_back(MakeReadable(10, agents::Role::kDescendant));
    agent.processes.back().state = state;
  }
  const Samples samples = Collect("descendants", MakeObservation({agent}));
  const auto count = [&](const std::string& state) {
    return samples.at("agent_descendants{agent=\"codex\",state=\"" + state + "\"}");
  };
  EXPECT_EQ(count("running"), 1);
  EXPECT_EQ(count("sleeping"), 3);
  EXPECT_EQ(count("blocked"), 1);
  EXPECT_EQ(count("stopped"), 2);
  EXPECT_EQ(count("zombie"), 1);
}

TEST(Descendants, SumsChildrenTreeAndOrphansSeparately) {
  agents::AgentSample agent = MakeAgent(
      "codex", {MakeReadable(1, agents::Role::kRoot), MakeReadable(10, agents::Role::kDescendant),
                MakeReadable(20, agents::Role::kDescendant), MakeReadable(40, agents::Role::kDescendant),
                MakeProcess(80, agents::Role::kDescendant, 'Z')});
  agent.processes[2].direct_child = false;
  agent.processes[3].direct_child = false;
  agent.processes[3].orphan = true;
  const Samples samples = Collect("descendants", MakeObservation({agent}));
  EXPECT_EQ(samples.at(Of("agent_children")), 1);
  EXPECT_EQ(samples.at(Of("agent_children_open_fds")), 10);
  EXPECT_EQ(samples.at(Of("agent_descendants_open_fds")), 70);
  EXPECT_EQ(samples.at(Of("agent_descendants_resident_memory_bytes")), 70000);
  EXPECT_EQ(samples.at(Of("agent_descendants_threads")), 3);
  EXPECT_EQ(samples.at(Of("agent_orphans")), 1);
  EXPECT_EQ(samples.at(Of("agent_orphans_resident_memory_bytes")), 40000);
  EXPECT_EQ(samples.at(Of("agent_oldest_descendant_age_seconds")), 400);
}

TEST(Descendants, CountersStayWhenNothingRuns) {
  agents::AgentSample agent = MakeAgent("codex");
  agent.counters.descendants_cpu = {2'000'000'000, 500'000'000};
  agent.counters.descendants_started = 9;
  agent.counters.descendants_exited = {{"ok", 7}, {"oom", 1}};
  EXPECT_THAT(
      Collect("descendants", MakeObservation({agent})),
      UnorderedElementsAre(Pair("agent_descendants_cpu_seconds_total{agent=\"codex\",mode=\"user\"}", 2),
                           Pair("agent_descendants_cpu_seconds_total{agent=\"codex\",mode=\"system\"}", 0.5),
                           Pair(Of("agent_descendants_started_total"), 9),
                           Pair("agent_descendants_exited_total{agent=\"codex\",reason=\"ok\"}", 7),
                           Pair("agent_descendants_exited_total{agent=\"codex\",reason=\"oom\"}", 1)));
}

TEST(Descendants, UnreadableFiguresOfOneChildAreAbsentNotPartial) {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot), MakeReadable(10, agents::Role::kDescendant),
                          MakeProcess(20, agents::Role::kDescendant)});
  const Samples samples = Collect("descendants", MakeObservation({agent}));
  EXPECT_THAT(samples, Not(Contains(Key(Of("agent_descendants_open_fds")))));
  EXPECT_THAT(samples, Not(Contains(Key(Of("agent_children_open_fds")))));
  EXPECT_THAT(samples, Not(Contains(Key(Of("agent_descendants_resident_memory_bytes")))));
  EXPECT_EQ(samples.at(Of("agent_children")), 2);
}

TEST(Descendants, ASingleRootHasNoDescendants) {
  const Samples samples =
      Collect("descendants", MakeObservation({MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)})}));
  EXPECT_EQ(samples.at(Of("agent_children")), 0);
  EXPECT_EQ(samples.at(Of("agent_descendants_open_fds")), 0);
  EXPECT_THAT(samples, Not(Contains(Key(Of("agent_oldest_descendant_age_seconds")))));
}

}  // namespace
}  // namespace agent_exporter::collectors

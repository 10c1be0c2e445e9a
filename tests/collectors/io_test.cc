#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

std::string Of(const std::string& direction, const std::string& scope) {
  return "agent_io_bytes_total{agent=\"codex\",direction=\"" + direction + "\",scope=\"" + scope + "\"}";
}

agents::AgentSample Busy() {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot), MakeReadable(2, agents::Role::kDescendant)});
  agent.counters.self_io = {.read_bytes = 10, .write_bytes = 20};
  agent.counters.tree_io = {.read_bytes = 30, .write_bytes = 40};
  return agent;
}

TEST(Io, ReadAndWrittenByRootsAndTree) {
  EXPECT_THAT(Collect("io", MakeObservation({Busy()})),
              UnorderedElementsAre(Pair(Of("read", "self"), 10), Pair(Of("write", "self"), 20),
                                   Pair(Of("read", "tree"), 30), Pair(Of("write", "tree"), 40)));
}

TEST(Io, AnUnreadableDescendantHidesOnlyTheTree) {
  agents::AgentSample agent = Busy();
  agent.processes[1].usage.io_read_bytes.reset();
  EXPECT_THAT(Collect("io", MakeObservation({agent})),
              UnorderedElementsAre(Pair(Of("read", "self"), 10), Pair(Of("write", "self"), 20)));
}

TEST(Io, AnUnreadableRootHidesBoth) {
  agents::AgentSample agent = Busy();
  agent.processes[0].usage.io_read_bytes.reset();
  EXPECT_THAT(Collect("io", MakeObservation({agent})), testing::IsEmpty());
}

TEST(Io, ZombiesHaveNoFileAndHideNothing) {
  agents::AgentSample agent = Busy();
  agent.processes[1] = MakeProcess(2, agents::Role::kDescendant, 'Z');
  EXPECT_EQ(Collect("io", MakeObservation({agent})).size(), 4u);
}

}  // namespace
}  // namespace agent_exporter::collectors

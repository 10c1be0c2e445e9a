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

std::string Of(const std::string& type, const std::string& scope) {
  return "agent_memory_bytes{agent=\"codex\",type=\"" + type + "\",scope=\"" + scope + "\"}";
}

TEST(Memory, ByTypeForTheRootsAndForTheTree) {
  EXPECT_THAT(
      Collect("memory", MakeObservation({MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot),
                                                             MakeReadable(10, agents::Role::kDescendant)})})),
      UnorderedElementsAre(Pair(Of("anon", "self"), 400), Pair(Of("anon", "tree"), 4400),
                           Pair(Of("file", "self"), 300), Pair(Of("file", "tree"), 3300),
                           Pair(Of("shmem", "self"), 200), Pair(Of("shmem", "tree"), 2200),
                           Pair(Of("swap", "self"), 100), Pair(Of("swap", "tree"), 1100)));
}

TEST(Memory, AZombieAddsNothingAndHidesNothing) {
  EXPECT_EQ(Collect("memory",
                    MakeObservation({MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot),
                                                         MakeProcess(2, agents::Role::kDescendant, 'Z')})}))
                .at(Of("anon", "tree")),
            400);
}

TEST(Memory, AnUnreadableTypeIsAbsentTheOthersStay) {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot), MakeReadable(10, agents::Role::kDescendant)});
  agent.processes[1].usage.swap_bytes.reset();
  const Samples samples = Collect("memory", MakeObservation({agent}));
  EXPECT_THAT(samples, Not(Contains(Key(Of("swap", "tree")))));
  EXPECT_THAT(samples, Contains(Pair(Of("swap", "self"), 100)));
  EXPECT_THAT(samples, Contains(Pair(Of("anon", "tree"), 4400)));
}

TEST(Memory, OrphansOfAnAgentThatEndedAreItsTree) {
  EXPECT_THAT(
      Collect("memory", MakeObservation({MakeAgent("codex", {MakeReadable(10, agents::Role::kDescendant)}),
                                         MakeAgent("down")})),
      testing::AllOf(Contains(Pair(Of("anon", "tree"), 4000)), Not(Contains(Key(Of("anon", "self")))),
                     testing::SizeIs(4)));
}

}  // namespace
}  // namespace agent_exporter::collectors

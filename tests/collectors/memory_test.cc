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

std::string MemoryOf(const std::string& type, const std::string& scope) {
  return "agent_memory_bytes{agent=\"codex\",type=\"" + type + "\",scope=\"" + scope + "\"}";
}

TEST(Memory, ByTypeForTheRootsAndForTheTree) {
  EXPECT_THAT(
      Collect("memory", MakeObservation({MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot),
                                                             MakeReadable(10, agents::Role::kDescendant)})})),
      UnorderedElementsAre(Pair(MemoryOf("anon", "self"), 400), Pair(MemoryOf("anon", "tree"), 4400),
                           Pair(MemoryOf("file", "self"), 300), Pair(MemoryOf("file", "tree"), 3300),
                           Pair(MemoryOf("shmem", "self"), 200), Pair(MemoryOf("shmem", "tree"), 2200),
                           Pair(MemoryOf("swap", "self"), 100), Pair(MemoryOf("swap", "tree"), 1100)));
}

TEST(Memory, AZombieAddsNothingAndHidesNothing) {
  EXPECT_EQ(Collect("memory",
                    MakeObservation({MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot),
                                                         MakeProcess(2, agents::Role::kDescendant, 'Z')})}))
                .at(MemoryOf("anon", "tree")),
            400);
}

TEST(Memory, OnlyTheUnreadableTypeIsAbsent) {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot), MakeReadable(10, agents::Role::kDescendant)});
  agent.processes[1].usage.swap_bytes.reset();
  const Samples samples = Collect("memory", MakeObservation({agent}));
  EXPECT_THAT(samples, Not(Contains(Key(MemoryOf("swap", "tree")))));
  EXPECT_THAT(samples, Contains(Pair(MemoryOf("swap", "self"), 100)));
  EXPECT_THAT(samples, Contains(Pair(MemoryOf("anon", "tree"), 4400)));
}

TEST(Memory, OrphansOfAnAgentThatEndedAreItsTree) {
  EXPECT_THAT(
      Collect("memory", MakeObservation({MakeAgent("codex", {MakeReadable(10, agents::Role::kDescendant)}),
                                         MakeAgent("down")})),
      testing::AllOf(Contains(Pair(MemoryOf("anon", "tree"), 4000)),
                     Not(Contains(Key(MemoryOf("anon", "self")))), testing::SizeIs(4)));
}

}  // namespace
}  // namespace agent_exporter::collectors

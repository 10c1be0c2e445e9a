#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

TEST(Limits, NamesScopeResourceAndSource) {
  agents::AgentSample agent = MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)});
  using Use = agents::ResourceUse;
  agent.resources = {
      {Use::Scope::kSelf, Use::Resource::kFds, Use::Source::kRlimit, 256, 1024},
      {Use::Scope::kTree, Use::Resource::kMemory, Use::Source::kCgroupAncestor, 3, 4},
      {Use::Scope::kTree, Use::Resource::kPids, Use::Source::kCgroup, 5, 10},
      {Use::Scope::kSelf, Use::Resource::kMemory, Use::Source::kHost, 1, 8},
  };
  EXPECT_THAT(
      Collect("limits", MakeObservation({agent})),
      testing::IsSupersetOf(Samples{
          {"agent_resource_used{agent=\"codex\",scope=\"self\",resource=\"fds\"}", 256},
          {"agent_resource_limit{agent=\"codex\",scope=\"self\",resource=\"fds\"}", 1024},
          {"agent_resource_used_ratio{agent=\"codex\",scope=\"self\",resource=\"fds\"}", 0.25},
          {"agent_resource_limit_info{agent=\"codex\",scope=\"self\",resource=\"fds\",source=\"rlimit\"}", 1},
          {"agent_resource_used_ratio{agent=\"codex\",scope=\"tree\",resource=\"memory\"}", 0.75},
          {"agent_resource_limit_info{agent=\"codex\",scope=\"tree\",resource=\"memory\",source=\"cgroup_"
           "ancestor\"}",
           1},
          {"agent_resource_limit_info{agent=\"codex\",scope=\"tree\",resource=\"pids\",source=\"cgroup\"}",
           1},
          {"agent_resource_limit_info{agent=\"codex\",scope=\"self\",resource=\"memory\",source=\"host\"}",
           1},
      }));
}

TEST(Limits, NothingKnownNothingShown) {
  EXPECT_THAT(Collect("limits", MakeObservation({MakeAgent("codex", {MakeProcess(1, agents::Role::kRoot)})})),
              testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Leak, ShowsEachScopeAndResourceAlsoWithoutEvidence) {
  agents::AgentSample agent = MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)});
  using Use = agents::ResourceUse;
  agent.leaks = {
      {.scope = Use::Scope::kTree,
       .resource = Use::Resource::kFds,
       .growth_per_second = 0.5,
       .seconds_to_limit = 600,
       .evidence_span_seconds = 1200},
      {.scope = Use::Scope::kSelf, .resource = Use::Resource::kMemory},
  };
  EXPECT_EQ(
      Collect("leak", MakeObservation({agent})),
      (Samples{
          {"agent_leak_seconds_to_limit{agent=\"codex\",scope=\"tree\",resource=\"fds\"}", 600},
          {"agent_leak_growth_per_second{agent=\"codex\",scope=\"tree\",resource=\"fds\"}", 0.5},
          {"agent_leak_evidence_span_seconds{agent=\"codex\",scope=\"tree\",resource=\"fds\"}", 1200},
          {"agent_leak_seconds_to_limit{agent=\"codex\",scope=\"self\",resource=\"memory\"}", kInfinity},
          {"agent_leak_growth_per_second{agent=\"codex\",scope=\"self\",resource=\"memory\"}", 0},
          {"agent_leak_evidence_span_seconds{agent=\"codex\",scope=\"self\",resource=\"memory\"}", 0},
      }));
}

TEST(Leak, NothingKnownNothingShown) {
  EXPECT_THAT(Collect("leak", MakeObservation({MakeAgent("codex")})), testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using LeakUse = agents::ResourceUse;

LeakUse Fds(uint64_t used, pid_t holder) {
  return {LeakUse::Scope::kTree, LeakUse::Resource::kFds, LeakUse::Source::kRlimit, used, 100, {holder, 1}};
}

agents::AgentSample Codex(const LeakUse& use) {
  agents::ProcessSample root = MakeReadable(1, agents::Role::kRoot);
  root.key = {1, 1};
  agents::ProcessSample child = MakeReadable(7, agents::Role::kDescendant);
  child.key = {7, 1};
  child.comm = "helper";
  child.command = "helper.js";
  agents::AgentSample agent = MakeAgent("codex", {root, child});
  agent.resources = {use};
  return agent;
}

TEST(Leak, ShowsTheVerdictAndWhoHoldsTheLimit) {
  agents::AgentSample agent = Codex(Fds(20, 1));
  agent.leaks = {{.scope = LeakUse::Scope::kTree,
                  .resource = LeakUse::Resource::kFds,
                  .page = true,
                  .growth_per_second = 0.5,
                  .seconds_to_limit = 600,
                  .evidence_span_seconds = 1200,
                  .use = Fds(18, 7)}};
  const std::string of = "{agent=\"codex\",scope=\"tree\",resource=\"fds\"";
  EXPECT_EQ(Collect("leak", MakeObservation({agent})),
            (Samples{
                {"agent_leak_active" + of + "}", 1},
                {"agent_leak_verdict" + of + ",severity=\"page\"}", 1},
                {"agent_leak_verdict" + of + ",severity=\"ticket\"}", 0},
                {"agent_leak_seconds_to_limit" + of + "}", 600},
                {"agent_leak_growth_per_second" + of + "}", 0.5},
                {"agent_leak_evidence_span_seconds" + of + "}", 1200},
                {"agent_limit_holder_info" + of + ",pid=\"7\",comm=\"helper\",command=\"helper.js\"}", 1},
            }));
}

TEST(Leak, WithoutOneOnlyThatThereIsNoneIsShown) {
  EXPECT_EQ(Collect("leak", MakeObservation({Codex(Fds(50, 1))})),
            (Samples{{"agent_leak_active{agent=\"codex\",scope=\"tree\",resource=\"fds\"}", 0}}));
}

TEST(Leak, AboveHalfFullTheHolderIsNamed) {
  EXPECT_THAT(
      Collect("leak", MakeObservation({Codex(Fds(51, 7))})),
      testing::Contains(testing::Pair("agent_limit_holder_info{agent=\"codex\",scope=\"tree\","
                                      "resource=\"fds\",pid=\"7\",comm=\"helper\",command=\"helper.js\"}",
                                      1)));
}

TEST(Leak, NothingKnownNothingShown) {
  EXPECT_THAT(Collect("leak", MakeObservation({MakeAgent("codex")})), testing::IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors

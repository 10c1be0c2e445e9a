#include "serve/traits.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "serve/agent_json.h"
#include "tests/collectors/observation_builder.h"

namespace agent_exporter::serve {
namespace {

using nlohmann::json;

nlohmann::ordered_json Of(const agents::AgentSample& agent) { return TraitsOf(AgentSummary(agent)); }

TEST(TraitsOf, TheFieldsUnderTheirPaths) {
  agents::AgentSample agent =
      collectors::MakeAgent("codex", {collectors::MakeReadable(7, agents::Role::kRoot),
                                      collectors::MakeReadable(20, agents::Role::kDescendant),
                                      collectors::MakeReadable(40, agents::Role::kDescendant),
                                      collectors::MakeProcess(80, agents::Role::kDescendant, 'Z')});
  agent.processes[0].threads = 3;
  agent.processes[2].direct_child = false;
  EXPECT_EQ(json(Of(agent)), json({{"agent", "codex"},
                                   {"agent_self",
                                    {{"rss_bytes", 7000},
                                     {"vsz_bytes", 70000},
                                     {"threads", 3},
                                     {"open_fds", 7},
                                     {"descendants", 1},
                                     {"descendant_open_fds", 20},
                                     {"uptime_secs", 70}}}}));
}

TEST(TraitsOf, WhatCouldNotBeReadIsLeftOut) {
  const json self = Of(
      collectors::MakeAgent("codex", {collectors::MakeProcess(7, agents::Role::kRoot),
                                      collectors::MakeProcess(8, agents::Role::kDescendant)}))["agent_self"];
  EXPECT_FALSE(self.contains("rss_bytes"));
  EXPECT_FALSE(self.contains("vsz_bytes"));
  EXPECT_FALSE(self.contains("open_fds"));
  EXPECT_FALSE(self.contains("descendant_open_fds"));
  EXPECT_EQ(self.at("descendants"), 1);
}

TEST(TraitsOf, HostileNamesStayValid) {
  EXPECT_EQ(
      Of(collectors::MakeAgent("\xff\"", {collectors::MakeProcess(7, agents::Role::kRoot)})).at("agent"),
      "\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace agent_exporter::serve

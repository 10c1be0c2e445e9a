#include "hooks/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::hooks {
namespace {

using agents::ResourceUse;

agents::AgentSample Codex() {
  agents::AgentSample agent =
      collectors::MakeAgent("codex", {collectors::MakeReadable(7, agents::Role::kRoot),
                                      collectors::MakeReadable(20, agents::Role::kDescendant)});
  agent.resources = {
      {.scope = ResourceUse::Scope::kSelf, .resource = ResourceUse::Resource::kFds, .used = 7, .limit = 10},
      {.scope = ResourceUse::Scope::kTree,
       .resource = ResourceUse::Resource::kMemory,
       .used = 1,
       .limit = 4}};
  agent.leaks = {{.scope = ResourceUse::Scope::kSelf, .resource = ResourceUse::Resource::kFds}};
  return agent;
}

std::optional<bool> Holds(const std::string& text, const agents::AgentSample& agent = Codex()) {
  const auto condition = Condition::Parse(text);
  EXPECT_TRUE(condition.ok()) << condition.status();
  return condition->Holds(ConditionFigures(agent));
}

TEST(Condition, ComparesEachFigure) {
  for (const char* text :
       {"agent_self.open_fds == 7", "agent_self.open_fds > 6.5", "agent_self.rss_bytes >= 7e3",
        "agent_self.uptime_secs < 71", "agent_self.descendants<=1", "instances != 2", "tree.open_fds == 27",
        "orphans.processes == 0", "used_ratio.self.fds >= 0.7", "leak.self.fds >= ticket",
        "leak.self.fds < page", "leak.tree.memory == none", "instances == 1 and tree.processes == 2"}) {
    EXPECT_EQ(Holds(text), true) << text;
  }
  for (const char* text : {"agent_self.open_fds > 7", "agent_self.open_fds != 7", "leak.self.fds == page",
                           "instances == 1 and tree.processes == 3"}) {
    EXPECT_EQ(Holds(text), false) << text;
  }
}

TEST(Condition, AnUnknownFigureDecidesNothing) {
  const agents::AgentSample unreadable =
      collectors::MakeAgent("codex", {collectors::MakeProcess(7, agents::Role::kRoot)});
  EXPECT_EQ(Holds("agent_self.open_fds < 1", unreadable), std::nullopt);
  EXPECT_EQ(Holds("leak.self.fds == none", unreadable), std::nullopt);
  EXPECT_EQ(Holds("instances == 1 and agent_self.open_fds < 1", unreadable), std::nullopt);
  EXPECT_EQ(Holds("agent_self.open_fds < 1 and instances == 2", unreadable), false);  // whatever the fds are
}

// Each name that may be written is one that a fully known agent has.
TEST(Condition, NamesOnlyFiguresThatExist) {
  agents::AgentSample agent = Codex();
  agent.resources.clear();
  for (const auto scope : {ResourceUse::Scope::kSelf, ResourceUse::Scope::kTree}) {
    for (const auto resource : {ResourceUse::Resource::kFds, ResourceUse::Resource::kMemory,
                                ResourceUse::Resource::kPids, ResourceUse::Resource::kInotifyInstances,
                                ResourceUse::Resource::kInotifyWatches, ResourceUse::Resource::kPtys}) {
      agent.resources.push_back({.scope = scope, .resource = resource, .used = 1, .limit = 2});
    }
  }
  const nlohmann::ordered_json figures = ConditionFigures(agent);
  for (const std::string& path : ConditionPaths()) {
    EXPECT_NE(Holds(path + (path.starts_with("leak.") ? " >= none" : " >= 0"), agent), std::nullopt) << path;
  }
}

TEST(Condition, MistakesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"",
       "\"\" is no comparison; write a figure, > >= < <= == or != and a number, such as agent_self.open_fds "
       "> 500"},
      {"agent_self.open_fds",
       "\"agent_self.open_fds\" is no comparison; write a figure, > >= < <= == or != and a "
       "number, such as agent_self.open_fds > 500"},
      {"agent_self.open_fd > 5",
       "there is no figure \"agent_self.open_fd\"; did you mean agent_self.open_fds?"},
      {"load > 5", "there is no figure \"load\"; docs/hooks.md lists them"},
      {"instances > many", "\"many\" is not a number"},
      {"leak.self.fds >= 1", "\"1\" is no verdict; write none, ticket or page"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(Condition::Parse(text).status().message(), message) << text;
}

}  // namespace
}  // namespace agent_exporter::hooks

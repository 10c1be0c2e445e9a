#include "agents/adoption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <string>
#include <utility>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Adoption Parse(const std::string& text) {
  const auto adoption = AdoptionFromYaml(YAML::Load(text), "agents.yaml");
  EXPECT_TRUE(adoption.ok()) << adoption.status();
  return adoption.value_or(Adoption());
}

TEST(Adoption, IsReadFromYaml) {
  const Adoption by_mark = Parse("environ: {RUNNER_TRACKING_ID: 'github_*', CI: '**'}");
  EXPECT_THAT(by_mark.environ, ElementsAre("RUNNER_TRACKING_ID=github_*", "CI=**"));
  EXPECT_EQ(by_mark.tmux_socket, "");
  const Adoption by_session = Parse("tmux: {socket: work, sessions: 'agent-*'}");
  EXPECT_EQ(by_session.tmux_socket, "work");
  EXPECT_EQ(by_session.tmux_sessions, "agent-*");
  EXPECT_EQ(Parse("tmux: {sessions: a}").tmux_socket, "default");
}

TEST(Adoption, AMistakeIsToldWithItsLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"\n[a]", "agents.yaml:2: adopt must be a map"},
      {"\nenviron: [A]", "agents.yaml:2: environ of adopt must be a map"},
      {"\nenviron: {A: ''}", "agents.yaml:2: a variable of adopt needs a name and a value"},
      {"\ntmux: {socket: a}", "agents.yaml:2: tmux of adopt must be a map"},
      {"\ntmux: {sessions: a, socket: [b]}", "agents.yaml:2: socket of tmux must be a path"},
      {"\ntmux: {sessions: a, sockets: b}", "sockets"},
      {"\nscreen: {}", "screen"},
  };
  for (const auto& [text, error] : cases) {
    const auto adoption = AdoptionFromYaml(YAML::Load(text), "agents.yaml");
    EXPECT_THAT(std::string(adoption.status().message()), HasSubstr(error)) << text;
  }
}

TEST(Adoption, ASessionIsKnownByItsServersSocketAndItsName) {
  const SessionPane pane{.socket = "/tmp/tmux-0/work", .session = "agent-1"};
  EXPECT_TRUE(Adopts({.tmux_socket = "work", .tmux_sessions = "agent-*"}, pane));
  EXPECT_TRUE(Adopts({.tmux_socket = "/tmp/tmux-0/work", .tmux_sessions = "**"}, pane));
  EXPECT_FALSE(Adopts({.tmux_socket = "default", .tmux_sessions = "agent-*"}, pane));
  EXPECT_FALSE(Adopts({.tmux_socket = "/other/work", .tmux_sessions = "agent-*"}, pane));
  EXPECT_FALSE(Adopts({.tmux_socket = "work", .tmux_sessions = "agent"}, pane));
  EXPECT_FALSE(Adopts({}, pane));
}

// pid 2 is the runner; pid 10 a daemon that works for it and for others.
class AdoptingTracker : public testing::Test {
 protected:
  static Rule Runner() {
    Rule rule = TrackedHost::CommRule("runner");
    rule.adopt = {.environ = {"JOB=a*"}, .tmux_socket = "default", .tmux_sessions = "agent-*"};
    return rule;
  }
  AdoptingTracker() : tracked_({Runner(), TrackedHost::CommRule("other")}) {
    tracked_.host.Add(2, 1, "runner");
    tracked_.host.Add(10, 1, "daemon");
  }
  static SessionPane Pane(pid_t pid, pid_t server = 10) {
    return {.pid = pid, .server = server, .socket = "/tmp/tmux-0/default", .session = "agent-1"};
  }

  TrackedHost tracked_;
};

TEST_F(AdoptingTracker, AMarkedProcessAndWhatItStartsAreDescendants) {
  tracked_.environments = {{11, {"PATH=/", "JOB=a1"}}, {12, {"JOB=b1"}}};
  tracked_.host.Add(11, 10, "sh");
  tracked_.host.Add(12, 10, "sh");
  tracked_.host.Add(13, 11, "make");
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(11), "runner");
  EXPECT_EQ(tracked_.AgentOf(12), "");
  EXPECT_EQ(tracked_.AgentOf(13), "runner");
  EXPECT_FALSE(tracked_.IsRoot(11));
  EXPECT_FALSE(tracked_.Member(11)->orphan);
  tracked_.host.ExitAndReap(11);
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(13), "runner");
  EXPECT_TRUE(tracked_.Member(13)->orphan);
}

TEST_F(AdoptingTracker, NothingIsTakenFromAnotherAgent) {
  tracked_.environments = {{20, {"JOB=a1"}}, {21, {"JOB=a1"}}};
  tracked_.host.Add(20, 10, "other");
  tracked_.host.Add(21, 20, "sh");
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(20), "other");
  EXPECT_EQ(tracked_.AgentOf(21), "other");
}

TEST_F(AdoptingTracker, APaneOfASessionIsADescendant) {
  tracked_.host.Add(11, 10, "bash");
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(11), "");
  tracked_.tracker().SetPanes({Pane(11)});
  EXPECT_THAT(tracked_.tracker().KeysToRead(), testing::Contains(kernel::ProcessKey{11, 0}));
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(11), "runner");
  tracked_.host.Add(12, 11, "python3");
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(12), "runner");
}

TEST_F(AdoptingTracker, APaneThatRunsAnAgentIsThatAgentsRoot) {
  tracked_.host.Add(11, 10, "runner");
  tracked_.tracker().SetPanes({Pane(11)});
  tracked_.Look();
  tracked_.Look();
  EXPECT_TRUE(tracked_.IsRoot(11));
}

TEST_F(AdoptingTracker, APidThatIsAnothersByNowIsNotAdopted) {
  tracked_.host.Add(11, 1, "bash");
  tracked_.tracker().SetPanes({Pane(11)});
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(11), "");
}

TEST_F(AdoptingTracker, NewRulesDecideAnew) {
  tracked_.environments = {{11, {"JOB=a1"}}};
  tracked_.host.Add(11, 10, "sh");
  tracked_.Look();
  tracked_.tracker().SetRules(*RuleSet::Make({TrackedHost::CommRule("runner")}));
  tracked_.Look();
  EXPECT_EQ(tracked_.AgentOf(11), "");
}

}  // namespace
}  // namespace agent_exporter::agents

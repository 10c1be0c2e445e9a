#include "hooks/agent_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::hooks {
namespace {

using agents::ResourceUse;
using testing::ElementsAre;
using testing::IsEmpty;

class AgentEventsTest : public testing::Test {
 protected:
  void Start(std::vector<ConditionOptions> conditions = {}) {
    events_.emplace(std::move(conditions), [this](const HookEvent& event) { told_.push_back(event); });
  }
  // What is told of the next observation, taken `seconds` after the last.
  std::vector<std::string> Take(agents::AgentSample agent, double seconds = 1) {
    agents::Observation observation = collectors::MakeObservation({std::move(agent)});
    now_ += seconds;
    observation.monotonic_seconds = now_;
    told_.clear();
    events_->Take(observation);
    std::vector<std::string> names;
    for (const HookEvent& event : told_) names.push_back(event.on);
    return names;
  }
  static agents::AgentSample Codex(uint64_t fds = 7) {
    agents::AgentSample agent =
        collectors::MakeAgent("codex", {collectors::MakeReadable(7, agents::Role::kRoot)});
    agent.processes[0].command = "node";
    agent.resources = {{.resource = ResourceUse::Resource::kFds,
                        .source = ResourceUse::Source::kRlimit,
                        .used = fds,
                        .limit = 1000,
                        .holder = agent.processes[0].key}};
    return agent;
  }
  static agents::AgentSample Leaking(bool page) {
    agents::AgentSample agent = Codex();
    agent.leaks = {
        {.page = page, .growth_per_second = 2, .seconds_to_limit = 496.5, .use = agent.resources[0]}};
    return agent;
  }

  std::optional<AgentEvents> events_;
  std::vector<HookEvent> told_;
  double now_ = 1000;
};

TEST_F(AgentEventsTest, ALeakIsToldOnceAndAgainAsAPage) {
  Start();
  EXPECT_THAT(Take(Codex()), IsEmpty());
  EXPECT_THAT(Take(Leaking(false)), ElementsAre("on_leak"));
  EXPECT_EQ(told_[0].agent, "codex");
  EXPECT_EQ(told_[0].timestamp, "2023-11-14T22:15:00Z");
  EXPECT_EQ(told_[0].details.at("message"),
            "codex: out of file descriptors in 8m 16s: node (pid 7) holds 7 of 1,000, +120 a minute");
  EXPECT_EQ(told_[0].details.at("severity"), "ticket");
  EXPECT_EQ(told_[0].details.at("holder"),
            (nlohmann::json{{"pid", 7}, {"comm", "codex"}, {"command", "node"}}));
  EXPECT_THAT(Take(Leaking(false)), IsEmpty());
  EXPECT_THAT(Take(Leaking(true)), ElementsAre("on_leak"));
  EXPECT_EQ(told_[0].details.at("severity"), "page");
  EXPECT_THAT(Take(Leaking(false)), IsEmpty());
  EXPECT_THAT(Take(Codex()), IsEmpty());
  EXPECT_THAT(Take(Leaking(true)), IsEmpty());  // it was away for two seconds
  EXPECT_THAT(Take(Codex(), 601), IsEmpty());
  EXPECT_THAT(Take(Leaking(false)), ElementsAre("on_leak"));
}

TEST_F(AgentEventsTest, ANearLimitIsToldOnce) {
  Start();
  EXPECT_THAT(Take(Codex(899)), IsEmpty());
  EXPECT_THAT(Take(Codex(900)), ElementsAre("on_near_limit"));
  EXPECT_EQ(told_[0].details.at("used_ratio"), 0.9);
  EXPECT_EQ(told_[0].details.at("source"), "rlimit");
  EXPECT_THAT(Take(Codex(950)), IsEmpty());
  EXPECT_THAT(Take(Codex(890)), IsEmpty());
  EXPECT_THAT(Take(Codex(950), 601), ElementsAre("on_near_limit"));
}

TEST_F(AgentEventsTest, AnEndIsToldWhenItIsNews) {
  Start();
  agents::AgentSample agent = Codex();
  agent.ended = {{.key = {70, 1}, .comm = "node", .category = agents::ExitCategory::kOomHeap},
                 {.key = {71, 1}, .news = false}};
  EXPECT_THAT(Take(agent), ElementsAre("on_exit"));
  EXPECT_EQ(told_[0].details.at("category"), "oom-heap");
  EXPECT_EQ(told_[0].details.at("pid"), 70);
  EXPECT_THAT(told_[0].environment, testing::Contains(testing::Pair("AGENT_EXPORTER_CATEGORY", "oom-heap")));
}

TEST_F(AgentEventsTest, AConditionIsToldWhenItHasHeldForItsTime) {
  Start({{.name = "many",
          .when = *Condition::Parse("used_ratio.self.fds > 0.5"),
          .holds_for = std::chrono::seconds(2),
          .agents = {"cod*"}},
         {.name = "others", .when = *Condition::Parse("instances > 0"), .agents = {"claude"}}});
  const auto holds = [this] {
    const auto states = events_->conditions();
    return states.size() == 1 ? std::optional(states[0].holds) : std::nullopt;
  };
  EXPECT_THAT(Take(Codex(501)), IsEmpty());
  EXPECT_EQ(holds(), false);
  EXPECT_THAT(Take(Codex(501)), IsEmpty());
  EXPECT_THAT(Take(Codex(501)), ElementsAre("condition many"));
  EXPECT_EQ(holds(), true);
  EXPECT_EQ(events_->conditions()[0].labels.back().value, "many");
  EXPECT_THAT(Take(Codex(501)), IsEmpty());
  EXPECT_THAT(Take(Codex(500)), IsEmpty());
  EXPECT_EQ(holds(), false);
  EXPECT_THAT(Take(Codex(501)), IsEmpty());
  EXPECT_THAT(Take(Codex(501), 2), ElementsAre("condition many"));
  EXPECT_THAT(Take(collectors::MakeAgent("codex")), IsEmpty());  // its figure is not known
  EXPECT_EQ(holds(), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::hooks

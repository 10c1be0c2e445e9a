#include "serve/agents_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/host_name.h"
#include "tests/collectors/observation_builder.h"

namespace agent_exporter::serve {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Json Parsed(const agents::Observation& observation, const std::vector<std::string>& names = {}) {
  return Json::parse(AgentsJson(observation, names));
}

agents::AgentSample Tree() {
  agents::AgentSample agent =
      collectors::MakeAgent("codex", {collectors::MakeReadable(50, agents::Role::kRoot),
                                      collectors::MakeReadable(60, agents::Role::kDescendant),
                                      collectors::MakeReadable(70, agents::Role::kDescendant),
                                      collectors::MakeProcess(80, agents::Role::kDescendant, 'Z')});
  agent.kind = "coder";
  agent.processes[0].reason = std::make_shared<agents::MatchReason>(
      agents::MatchReason{.origin = "agents.yaml:3", .rule = "{comm}", .what = "comm is \"codex\""});
  agent.processes[1].session = 60;
  agent.processes[2].direct_child = false;
  agent.processes[2].orphan = true;
  return agent;
}

TEST(AgentsJson, SumsOfSelfTreeAndOrphans) {
  agents::AgentSample tree = Tree();
  tree.self_cpu_ratio = 0.5;
  tree.tree_cpu_ratio = 2.5;  // 1.8 of those that live, the rest of children that came and went
  const Json agent = Parsed(collectors::MakeObservation({tree}))["agents"][0];
  EXPECT_EQ(agent["agent"], "codex");
  EXPECT_EQ(agent["kind"], "coder");
  EXPECT_FALSE(agent.contains("slot"));
  EXPECT_EQ(agent["up"], true);
  EXPECT_EQ(agent["uptime_seconds"], 500);
  EXPECT_EQ(agent["self"]["processes"], 1);
  EXPECT_EQ(agent["self"]["resident_memory_bytes"], 50000);
  EXPECT_EQ(agent["self"]["max_fds"], 1024);
  EXPECT_EQ(agent["tree"]["processes"], 4);
  EXPECT_EQ(agent["tree"]["resident_memory_bytes"], 180000);
  EXPECT_EQ(agent["tree"]["open_fds"], 180);
  EXPECT_EQ(agent["tree"]["threads"], 3);
  EXPECT_DOUBLE_EQ(agent["self"]["cpu_usage_ratio"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(agent["tree"]["cpu_usage_ratio"].get<double>(), 2.5);
  EXPECT_EQ(agent["orphans"]["processes"], 1);
  EXPECT_EQ(agent["orphans"]["resident_memory_bytes"], 70000);
  EXPECT_EQ(agent["children"], 1);
  EXPECT_EQ(agent["zombies"], 1);
}

TEST(AgentsJson, ShowsRolesAndReasons) {
  const Json processes = Parsed(collectors::MakeObservation({Tree()}))["agents"][0]["processes"];
  EXPECT_EQ(processes[0]["role"], "root");
  EXPECT_EQ(processes[0]["matched"]["origin"], "agents.yaml:3");
  EXPECT_EQ(processes[0]["matched"]["rule"], "{comm}");
  EXPECT_EQ(processes[0]["matched"]["what"], "comm is \"codex\"");
  EXPECT_EQ(processes[1]["role"], "child");
  EXPECT_EQ(processes[1]["session"], 60);
  EXPECT_FALSE(processes[1].contains("matched"));
  EXPECT_EQ(processes[2]["role"], "orphan");
  EXPECT_EQ(processes[2]["pid"], 70);
  EXPECT_EQ(processes[2]["open_fds"], 70);
  EXPECT_EQ(processes[2]["age_seconds"], 700);
  EXPECT_EQ(processes[3]["state"], "Z");
}

TEST(AgentsJson, UnreadableFiguresAndTheirSumsAreAbsent) {
  agents::AgentSample agent = Tree();
  agent.processes[1].usage.open_fds.reset();
  const Json entry = Parsed(collectors::MakeObservation({agent}))["agents"][0];
  EXPECT_FALSE(entry["processes"][1].contains("open_fds"));
  EXPECT_FALSE(entry["processes"][3].contains("resident_memory_bytes"));
  EXPECT_FALSE(entry["tree"].contains("open_fds"));
  EXPECT_EQ(entry["self"]["open_fds"], 50);
  EXPECT_TRUE(entry["tree"].contains("resident_memory_bytes"));
}

TEST(AgentsJson, AnAgentThatIsDownHasNoSums) {
  agents::AgentSample agent = collectors::MakeAgent("nightly");
  agent.configured = true;
  const Json entry = Parsed(collectors::MakeObservation({agent}))["agents"][0];
  EXPECT_EQ(entry["up"], false);
  EXPECT_EQ(entry["configured"], true);
  EXPECT_FALSE(entry.contains("self"));
  EXPECT_FALSE(entry.contains("tree"));
  EXPECT_FALSE(entry.contains("uptime_seconds"));
  EXPECT_EQ(entry["processes"], Json::array());
}

TEST(AgentsJson, CarriesWhatTheAgentTellsOfItself) {
  const auto told = [](const agents::AgentSample&) {
    sessions::AgentMeta meta;
    meta.context_pct = 12.5;
    return std::optional(meta);
  };
  const Json with = Json::parse(AgentsJson(collectors::MakeObservation({Tree()}), {}, told));
  EXPECT_EQ(with["agents"][0]["agent_meta"], Json({{"context_pct", 12.5}}));
  EXPECT_TRUE(Parsed(collectors::MakeObservation({Tree()}))["agents"][0].at("agent_meta").is_null());
}

TEST(AgentsJson, LimitsAndLeaks) {
  agents::AgentSample agent = Tree();
  using Use = agents::ResourceUse;
  agent.resources = {{Use::Scope::kTree, Use::Resource::kMemory, Use::Source::kCgroupAncestor, 3, 4}};
  agent.leaks = {{.scope = Use::Scope::kTree,
                  .resource = Use::Resource::kMemory,
                  .page = true,
                  .growth_per_second = 0.5,
                  .seconds_to_limit = 2,
                  .evidence_span_seconds = 600},
                 {.use = {.holder = {8, 1}}}};
  const Json entry = Parsed(collectors::MakeObservation({agent}))["agents"][0];
  EXPECT_EQ(entry["resources"][0], Json({{"scope", "tree"},
                                         {"resource", "memory"},
                                         {"source", "cgroup_ancestor"},
                                         {"used", 3},
                                         {"limit", 4},
                                         {"used_ratio", 0.75}}));
  EXPECT_EQ(entry["leaks"][0], Json({{"scope", "tree"},
                                     {"resource", "memory"},
                                     {"severity", "page"},
                                     {"growth_per_second", 0.5},
                                     {"seconds_to_limit", 2.0},
                                     {"evidence_span_seconds", 600.0},
                                     {"pid", nullptr}}));
  EXPECT_EQ(entry["leaks"][1]["severity"], "ticket");
  EXPECT_EQ(entry["leaks"][1]["pid"], 8);
}

TEST(AgentsJson, CountersAndHost) {
  agents::AgentSample agent = Tree();
  agent.counters.descendants_exited = {{"ok", 4}, {"oom", 1}};
  agent.counters.restarts = 2;
  agent.counters.self_cpu = {.user_ns = 1500000000, .system_ns = 500000000};
  agents::Observation observation = collectors::MakeObservation({agent});
  observation.wall_seconds = 1700000000.5;
  observation.process_source = "bpf";
  observation.process_events = "netlink";
  observation.events_lost = 7;
  observation.host.memory = kernel::HostMemory{.total = 10, .available = 4, .used = 6};
  observation.unreadable = {{{"io", "permission"}, 3}};
  const Json answer = Parsed(observation);
  EXPECT_EQ(answer["agents"][0]["exits"], Json({{"ok", 4}, {"oom", 1}}));
  EXPECT_EQ(answer["agents"][0]["restarts"], 2);
  EXPECT_EQ(answer["agents"][0]["self_cpu_seconds"], 2.0);
  EXPECT_EQ(answer["timestamp_seconds"], 1700000000.5);
  EXPECT_EQ(answer["exporter"]["process_source"], "bpf");
  EXPECT_EQ(answer["exporter"]["process_events"], "netlink");
  EXPECT_EQ(answer["exporter"]["events_lost"], 7);
  EXPECT_EQ(answer["exporter"]["unreadable"],
            Json::array({{{"file", "io"}, {"reason", "permission"}, {"count", 3}}}));
  EXPECT_EQ(answer["host"]["memory_used_bytes"], 6);
  EXPECT_EQ(answer["host"]["name"], base::HostName());
  EXPECT_FALSE(answer["host"].contains("load")) << "could not be read";
}

TEST(AgentsJson, SelectsAgentsByName) {
  const agents::Observation observation = collectors::MakeObservation(
      {collectors::MakeAgent("a"), collectors::MakeAgent("b"), collectors::MakeAgent("c")});
  const Json agents = Parsed(observation, {"c", "a"})["agents"];
  ASSERT_EQ(agents.size(), 2u);
  EXPECT_EQ(agents[0]["agent"], "a");
  EXPECT_EQ(agents[1]["agent"], "c");
}

TEST(AgentsJson, HostileNamesStayText) {
  agents::AgentSample agent = collectors::MakeAgent("x", {collectors::MakeReadable(5, agents::Role::kRoot)});
  agent.processes[0].comm = "\"},\xff\n";
  const std::string text = AgentsJson(collectors::MakeObservation({agent}));
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
  EXPECT_EQ(Json::parse(text)["agents"][0]["processes"][0]["comm"], "\"},\xEF\xBF\xBD\n");
}

}  // namespace
}  // namespace agent_exporter::serve

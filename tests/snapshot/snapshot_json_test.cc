#include "snapshot/snapshot_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::snapshot {
namespace {

using Json = nlohmann::ordered_json;

agents::Observation FullHost() {
  agents::Observation observation = collectors::MakeObservation();
  observation.host.memory = kernel::HostMemory{.total = 1000, .available = 400, .used = 600};
  observation.host.load = kernel::HostLoad{.average = {0.25, 1, 2}, .threads = 9};
  observation.host.processes = 123;
  observation.host.pid_max = 32768;
  return observation;
}

agents::ProcessSample Named(pid_t pid, const std::string& comm, agents::Role role = agents::Role::kDescendant,
                            char state = 'S') {
  agents::ProcessSample process = collectors::MakeProcess(pid, role, state);
  process.comm = comm;
  return process;
}

class SnapshotJsonTest : public ::testing::Test {
 protected:
  Json Make(std::optional<sessions::AgentMeta> meta = std::nullopt,
            std::vector<Sidecar> sidecars = {}) const {
    return MakeSnapshot({.observation = observation_,
                         .agent = agent_,
                         .session = session_,
                         .probes = probes_,
                         .names = names_,
                         .sidecars = std::move(sidecars),
                         .meta = std::move(meta),
                         .daemon = 77,
                         .host = "box"});
  }

  agents::Observation observation_ = FullHost();
  agents::AgentSample agent_ = collectors::MakeAgent("claude");
  std::string session_;
  ProbeResults probes_;
  std::vector<std::string> names_ = {"claude", "bun", "node"};
};

TEST_F(SnapshotJsonTest, HasEveryFieldInOrder) {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  probes_.tmux = base::TmuxList{.panes = {{.session = "b", .session_id = "$0", .pid = 5, .server_pid = 4}}};
  probes_.screen_sessions = 0;
  const Json snapshot = Make();
  EXPECT_EQ(
      snapshot.dump(),
      R"({"agent":"claude","timestamp":"2023-11-14T22:15:00+00:00","host":"box","tmux_count":1,)"
      R"("tmux_names":["b"],"screen_count":0,"claude_procs":0,"bun_procs":0,"node_procs":0,"load1":0.25,)"
      R"("mem_total_bytes":1000,"mem_used_bytes":600,"mem_free_bytes":400,"nproc_cur":123,)"
      R"("nproc_max":32768,"fork_pressure_pct":0.38,"context_percent":null,"agent_meta":null,)"
      R"("pids":{"container_daemon":77,"claude_code":null,"tmux":{"server":4,"pane":null},"sidecars":{}}})");
}

TEST_F(SnapshotJsonTest, WhatIsUnknownIsNull) {
  observation_ = collectors::MakeObservation();
  const Json snapshot = Make();
  for (const char* key :
       {"tmux_count", "screen_count", "load1", "mem_total_bytes", "mem_used_bytes", "mem_free_bytes",
        "nproc_cur", "nproc_max", "fork_pressure_pct", "context_percent"}) {
    EXPECT_TRUE(snapshot.at(key).is_null()) << key;
  }
  EXPECT_EQ(snapshot["tmux_names"], Json::array());
  observation_.host.processes = 10;
  EXPECT_TRUE(Make()["fork_pressure_pct"].is_null());
  observation_.host.pid_max = 0;
  EXPECT_TRUE(Make()["fork_pressure_pct"].is_null());
  observation_.host.pid_max = 3;
  EXPECT_EQ(Make()["fork_pressure_pct"], 333.33);
}

TEST_F(SnapshotJsonTest, CountsByExactNameInTheAgentsTree) {
  agent_.processes = {Named(10, "claude", agents::Role::kRoot), Named(11, "node"), Named(12, "node"),
                      Named(13, "claude-wrapper"), Named(14, "node", agents::Role::kDescendant, 'Z')};
  const Json snapshot = Make();
  EXPECT_EQ(snapshot["claude_procs"], 1);
  EXPECT_EQ(snapshot["node_procs"], 2);
  EXPECT_EQ(snapshot["bun_procs"], 0);
}

// Node 24 calls its main thread MainThread.
TEST_F(SnapshotJsonTest, CountsByProgramFileAsWell) {
  agent_.processes = {Named(10, "MainThread", agents::Role::kRoot), Named(11, "node"),
                      Named(12, "MainThread")};
  agent_.processes[0].program = agent_.processes[1].program = "node";
  agent_.processes[2].program = "claude";
  const Json snapshot = Make();
  EXPECT_EQ(snapshot["node_procs"], 2);
  EXPECT_EQ(snapshot["claude_procs"], 1);
}

TEST_F(SnapshotJsonTest, TerseIsFlatWithAllKeys) {
  sessions::AgentMeta meta;
  meta.model = "m";
  const Json terse = TerseSnapshot(Make(meta));
  for (const auto& [key, value] : terse.items()) EXPECT_FALSE(value.is_object()) << key;
  EXPECT_EQ(terse["agent"], "claude");
  EXPECT_EQ(terse["mem_used_bytes"], 600);
  EXPECT_EQ(terse["agent_meta.model"], "m");
  EXPECT_EQ(terse["pids.container_daemon"], 77);
  for (const char* key : {"tmux_count", "agent_meta.alive", "pids.tmux.pane", "has_diff"}) {
    ASSERT_TRUE(terse.contains(key)) << key;
    EXPECT_TRUE(terse[key].is_null()) << key;
  }
  EXPECT_EQ(TerseSnapshot(Make()).size(), terse.size());
}

TEST_F(SnapshotJsonTest, LongNamesAreComparedAsTheKernelKeepsThem) {
  names_ = {"a-very-long-program"};
  agent_.processes = {Named(10, "a-very-long-pro")};
  EXPECT_EQ(Make()["a-very-long-program_procs"], 1);
}

TEST_F(SnapshotJsonTest, ClaudeUnderAnotherNameIsItsAgentsRoot) {
  agent_.processes = {Named(10, "node", agents::Role::kRoot), Named(11, "bash")};
  EXPECT_EQ(Make()["claude_procs"], 1);
  EXPECT_EQ(Make()["pids"]["claude_code"], 10);
  agent_.name = "other";  // which mentions claude in its command line, say
  EXPECT_EQ(Make()["claude_procs"], 0);
  EXPECT_TRUE(Make()["pids"]["claude_code"].is_null());
}

TEST_F(SnapshotJsonTest, NewestClaudeWins) {
  agent_.processes = {Named(10, "claude", agents::Role::kRoot), Named(11, "claude"), Named(12, "claude")};
  agent_.processes[1].key.start_ticks += 100;
  EXPECT_EQ(Make()["pids"]["claude_code"], 11);
}

TEST_F(SnapshotJsonTest, PaneOfTheAgent) {
  const auto pane = [](const char* session, int window, pid_t pid, pid_t server) {
    return base::TmuxPane{.session = session, .window = window, .pid = pid, .server_pid = server};
  };
  probes_.tmux = base::TmuxList{
      .panes = {pane("x", 0, 50, 1), pane("y", 1, 61, 2), pane("y", 0, 60, 2), pane("claude", 0, 70, 3)}};
  EXPECT_EQ(Make()["pids"]["tmux"], (Json{{"server", 3}, {"pane", 70}}));  // by its name
  agent_.processes = {Named(500, "claude", agents::Role::kRoot)};
  agent_.processes[0].ppid = 61;  // the shell in the pane
  EXPECT_EQ(Make()["pids"]["tmux"], (Json{{"server", 2}, {"pane", 61}}));
  agent_.processes[0].key.pid = 50;  // the pane's own program
  agent_.processes[0].ppid = 1;
  EXPECT_EQ(Make()["pids"]["tmux"], (Json{{"server", 1}, {"pane", 50}}));
  session_ = "y";  // as it was told
  EXPECT_EQ(Make()["pids"]["tmux"], (Json{{"server", 2}, {"pane", 60}}));
  session_ = "gone";
  EXPECT_EQ(Make()["pids"]["tmux"], (Json{{"server", nullptr}, {"pane", nullptr}}));
  EXPECT_EQ(Make()["tmux_count"], 3);
  EXPECT_EQ(Make()["tmux_names"], (Json{"claude", "x", "y"}));
}

TEST_F(SnapshotJsonTest, Sidecars) {
  EXPECT_EQ(Make(std::nullopt, {{.name = "proxy", .pid = 5, .alive = true},
                                {.name = "flusher", .is_thread = true}})["pids"]["sidecars"],
            (Json{{"proxy", {{"pid", 5}, {"kind", "process"}, {"alive", true}}},
                  {"flusher", {{"pid", nullptr}, {"kind", "thread"}, {"alive", false}}}}));
}

TEST_F(SnapshotJsonTest, MetaHoldsOnlyWhatIsPresent) {
  sessions::AgentMeta meta;
  meta.alive = true;
  meta.context_pct = 42.5;
  meta.recent_actions =
      std::vector<sessions::AgentAction>{{"2026-01-23T17:15:00Z", "Read"}, {std::nullopt, "Bash"}};
  const Json snapshot = Make(meta);
  EXPECT_EQ(
      snapshot["agent_meta"].dump(),
      R"({"alive":true,"context_pct":42.5,"recent_actions":[{"ts":"2026-01-23T17:15:00Z","preview":"Read"},)"
      R"({"ts":null,"preview":"Bash"}]})");
  EXPECT_EQ(snapshot["context_percent"], 42.5);
  meta = sessions::AgentMeta{.subagents = 2};
  EXPECT_TRUE(Make(meta)["context_percent"].is_null());
  EXPECT_EQ(Make(meta)["agent_meta"].dump(), R"({"subagents":2})");
}

TEST(LocalTimestampTest, SecondsAndOffsetOfTheLocalZone) {
  ::setenv("TZ", "<-0330>3:30", 1);
  ::tzset();
  EXPECT_EQ(LocalTimestamp(1700000100.9), "2023-11-14T18:45:00-03:30");
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  EXPECT_EQ(LocalTimestamp(1700000100), "2023-11-14T23:15:00+01:00");
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
}

TEST(MergedAgentTest, KindsAndSlotsOfOneNameAreOneAgent) {
  agents::AgentSample one =
                          collectors::MakeAgent("worker", {collectors::MakeProcess(1, agents::Role::kRoot)}),
                      two = one;
  two.slot = "2";
  two.processes = {collectors::MakeProcess(2, agents::Role::kRoot)};
  const agents::Observation observation = collectors::MakeObservation(
      {one, collectors::MakeAgent("other", {collectors::MakeProcess(3, agents::Role::kRoot)}), two});
  EXPECT_EQ(MergedAgent(observation, "worker").processes.size(), 2u);
  EXPECT_EQ(MergedAgent(observation, "nobody").processes.size(), 0u);
  EXPECT_EQ(MergedAgent(observation, "nobody").name, "nobody");
}

}  // namespace
}  // namespace agent_exporter::snapshot

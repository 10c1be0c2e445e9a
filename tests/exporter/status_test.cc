#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "exporter/commands.h"
#include "serve/agents_json.h"
#include "tests/collectors/observation_builder.h"
#include "tests/serve/fake_procfs.h"

namespace agent_exporter::exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The cells of each line; columns stand at least two blanks apart.
std::vector<std::vector<std::string>> Cells(const std::string& table) {
  std::vector<std::vector<std::string>> lines;
  for (const absl::string_view line : absl::StrSplit(table, '\n', absl::SkipEmpty())) {
    std::vector<std::string> cells;
    for (const absl::string_view cell : absl::StrSplit(line, "  ", absl::SkipWhitespace())) {
      cells.emplace_back(absl::StripAsciiWhitespace(cell));
    }
    lines.push_back(std::move(cells));
  }
  return lines;
}

agents::AgentSample Busy() {
  agents::AgentSample agent =
      collectors::MakeAgent("codex", {collectors::MakeReadable(50, agents::Role::kRoot),
                                      collectors::MakeReadable(60, agents::Role::kDescendant),
                                      collectors::MakeProcess(70, agents::Role::kDescendant, 'Z')});
  agent.tree_cpu_ratio = 1.1;
  agent.processes[0].age_seconds = 3 * 3600 + 62;
  agent.processes[1].orphan = true;
  agent.processes[1].direct_child = false;
  agent.resources = {{agents::ResourceUse::Scope::kSelf, agents::ResourceUse::Resource::kFds,
                      agents::ResourceUse::Source::kRlimit, 50, 1024},
                     {agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kMemory,
                      agents::ResourceUse::Source::kCgroup, 3, 4}};
  return agent;
}

TEST(WideStatusTable, OneRowAnAgent) {
  EXPECT_THAT(
      Cells(WideStatusTable(collectors::MakeObservation({Busy()}))),
      ElementsAre(ElementsAre("AGENT", "STATE", "PROCESSES", "CPU", "SELF", "TREE", "FDS/MAX", "TREE FDS",
                              "CHILDREN", "ORPHANS", "ZOMBIES", "UPTIME", "NEAREST LIMIT"),
                  ElementsAre("codex", "up", "3", "110%", "49 KiB", "107 KiB", "50/1024", "110", "0", "1",
                              "1", "3h 1m", "memory 75%")));
}

TEST(WideStatusTable, AZombieIsNoChild) {
  const auto cells = Cells(WideStatusTable(collectors::MakeObservation(
      {collectors::MakeAgent("codex", {collectors::MakeProcess(7, agents::Role::kRoot),
                                       collectors::MakeProcess(8, agents::Role::kDescendant, 'Z'),
                                       collectors::MakeProcess(9, agents::Role::kDescendant)})})));
  EXPECT_EQ(cells.at(1).at(8), "1");
  EXPECT_EQ(cells.at(1).at(10), "1");
}

TEST(WideStatusTable, WhatCouldNotBeReadIsADash) {
  EXPECT_THAT(Cells(WideStatusTable(collectors::MakeObservation(
                        {collectors::MakeAgent("codex", {collectors::MakeProcess(7, agents::Role::kRoot)})})))
                  .at(1),
              ElementsAre("codex", "up", "1", "0%", "-", "-", "-/-", "-", "0", "0", "0", "0s", "-"));
}

TEST(WideStatusTable, AnAgentThatIsDownHasNoFigures) {
  EXPECT_THAT(Cells(WideStatusTable(collectors::MakeObservation({collectors::MakeAgent("codex")}))).at(1),
              ElementsAre("codex", "down", "0", "0%", "-", "-", "-/-", "-", "0", "0", "0", "-", "-"));
}

TEST(StatusTable, KindlyEmpty) {
  EXPECT_THAT(StatusTable(collectors::MakeObservation()), HasSubstr("No agent runs now."));
}

TEST(WideStatusTable, SlotsStandBehindTheName) {
  agents::AgentSample agent =
      collectors::MakeAgent("worker", {collectors::MakeReadable(7, agents::Role::kRoot)});
  agent.slot = "3";
  EXPECT_EQ(Cells(WideStatusTable(collectors::MakeObservation({agent}))).at(1).at(0), "worker/3");
}

TEST(WideStatusTable, HostileNamesNeitherDriveTheTerminalNorShiftTheColumns) {
  const std::string table = WideStatusTable(collectors::MakeObservation(
      {collectors::MakeAgent("\x1b[31mred\n", {collectors::MakeReadable(7, agents::Role::kRoot)}),
       collectors::MakeAgent("caf\xC3\xA9", {collectors::MakeReadable(7, agents::Role::kRoot)}), Busy()}));
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_THAT(table, HasSubstr("?[31mred?"));
  std::vector<size_t> widths;
  for (const absl::string_view line : absl::StrSplit(table, '\n', absl::SkipEmpty())) {
    widths.push_back(static_cast<size_t>(
        std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; })));
  }
  EXPECT_THAT(widths, ElementsAre(widths[0], widths[0], widths[0], widths[0]));
}

std::vector<std::string> Lines(const std::string& table) {
  return absl::StrSplit(table, '\n', absl::SkipEmpty());
}

TEST(StatusTable, TheWorstStandsFirstWithWhatIsWrongAndWhatToDo) {
  agents::AgentSample leaks = Busy(), down = collectors::MakeAgent("reviewer");
  leaks.name = "claude";
  leaks.processes[0].command = "claude";
  leaks.leaks = {{.resource = agents::ResourceUse::Resource::kFds,
                  .page = true,
                  .growth_per_second = 0.2,
                  .seconds_to_limit = 540,
                  .use = {agents::ResourceUse::Scope::kSelf, agents::ResourceUse::Resource::kFds,
                          agents::ResourceUse::Source::kRlimit, 952, 1024, leaks.processes[0].key}}};
  down.configured = true;
  EXPECT_THAT(
      Lines(StatusTable(collectors::MakeObservation({Busy(), leaks, down}))),
      ElementsAre(
          "  AGENT     STATE    PID  PROCS   CPU   MEMORY      FDS       LIMIT",
          "!!claude    leaking   50      3  110%  107 KiB  50/1024  memory 75%",
          "     out of file descriptors in 9m 0s: claude (pid 50) holds 952 of 1,024, +12 a", "     minute",
          "     -> agent_exporter fds 50 shows which; prlimit --pid 50 --nofile shows if",
          "     its limit can rise", "x reviewer  down       -      0    0%        -        -           -",
          "     does not run", "  codex     up        50      3  110%  107 KiB  50/1024  memory 75%"));
}

TEST(StatusTable, SessionsOfOneAgentHaveALineEach) {
  const agents::AgentSample agent = collectors::MakeAgent(
      "claude",
      {collectors::MakeReadable(7, agents::Role::kRoot), collectors::MakeReadable(8, agents::Role::kRoot)});
  const auto sessions = [](const agents::AgentSample&) {
    sessions::Session web, api;
    web.name = "web";
    web.key = {7, 1};
    web.status = sessions::SessionStatus::kWaiting;
    web.state.context_ratio = 0.43;
    web.resident_bytes = 7000;
    api.name = "api";
    api.key = {8, 1};
    return std::vector<sessions::Session>{web, api};
  };
  EXPECT_THAT(Lines(StatusTable(collectors::MakeObservation({agent}), sessions)),
              ElementsAre("  AGENT   STATE       PID  PROCS  CPU   MEMORY  FDS        LIMIT",
                          "  claude  up       2 pids      2   0%   15 KiB    -            -",
                          "    web   waiting       7          0%  6.8 KiB       context 43%",
                          "    api                 8          0%        -                  "));
}

TEST(StatusTable, FitsEightyColumns) {
  agents::AgentSample agent = Busy();
  agent.name = std::string(50, 'n');
  agent.processes[0].key.pid = 4194304;
  agent.processes[0].usage = {.resident_bytes = 1023 << 20, .open_fds = 1048576};
  agent.processes[0].limits.open_files = 1048576;
  agent.tree_cpu_ratio = 127.9;
  agent.resources[1] = {agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kInotifyInstances,
                        agents::ResourceUse::Source::kHost, 100, 100};
  for (const std::string& line : Lines(StatusTable(collectors::MakeObservation({agent})))) {
    EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }), 80) << line;
  }
}

sessions::AgentMeta Told(const agents::AgentSample& agent) {
  sessions::AgentMeta meta;
  meta.model = "model of " + agent.name;
  meta.recent_actions = std::vector<sessions::AgentAction>{{"now", "Bash"}};
  return meta;
}

TEST(StatusJson, HasTheFiguresAndTheTree) {
  agents::AgentSample agent = Busy();
  agent.kind = "coder";
  agent.slot = "1";
  agent.configured = true;
  const auto json = nlohmann::json::parse(StatusJson(collectors::MakeObservation({agent})));
  const auto& entry = json.at("agents").at(0);
  EXPECT_EQ(entry.at("agent"), "codex");
  EXPECT_EQ(entry.at("up"), true);
  EXPECT_EQ(entry.at("kind"), "coder");
  EXPECT_EQ(entry.at("slot"), "1");
  EXPECT_EQ(entry.at("configured"), true);
  EXPECT_EQ(entry.at("instances"), 1);
  EXPECT_EQ(entry.at("self_resident_memory_bytes"), 50000);
  EXPECT_EQ(entry.at("tree_resident_memory_bytes"), 110000);
  EXPECT_EQ(entry.at("self_max_fds"), 1024);
  EXPECT_EQ(entry.at("orphans"), 1);
  EXPECT_EQ(entry.at("zombies"), 1);
  EXPECT_EQ(entry.at("uptime_seconds"), 10862);
  ASSERT_EQ(entry.at("tree").size(), 3u);
  EXPECT_EQ(entry.at("tree").at(0).at("role"), "root");
  EXPECT_EQ(entry.at("tree").at(1).at("role"), "orphan");
  EXPECT_EQ(entry.at("tree").at(1).at("pid"), 60);
  EXPECT_EQ(entry.at("tree").at(2).at("state"), "Z");
  EXPECT_FALSE(entry.at("tree").at(2).contains("resident_memory_bytes"));
}

TEST(StatusJson, HasTheShapeOfAgents) {
  const agents::Observation observation = collectors::MakeObservation({Busy()});
  const auto status = nlohmann::json::parse(StatusJson(observation, &Told))["agents"][0];
  const auto agent = nlohmann::json::parse(serve::AgentsJson(observation, {}, &Told))["agents"][0];
  for (const char* key : {"agent", "up", "instances", "uptime_seconds", "self", "children",
                          "children_open_fds", "zombies", "resources", "agent_meta"}) {
    EXPECT_EQ(status.at(key), agent.at(key)) << key;
  }
  EXPECT_EQ(status.at("tree"), agent.at("processes"));
  for (const char* key : {"restarts", "self_cpu_seconds", "leaks"}) {
    EXPECT_FALSE(status.contains(key)) << key << " needs a past";
  }
}

TEST(StatusJson, WhatCouldNotBeReadIsLeftOut) {
  const auto json = nlohmann::json::parse(StatusJson(collectors::MakeObservation(
      {collectors::MakeAgent("codex", {collectors::MakeProcess(7, agents::Role::kRoot)}),
       collectors::MakeAgent("down")})));
  for (const auto& entry : json.at("agents")) {
    for (const char* key : {"self_resident_memory_bytes", "tree_resident_memory_bytes", "self_open_fds",
                            "self_max_fds", "tree_open_fds", "kind", "slot"}) {
      EXPECT_FALSE(entry.contains(key)) << entry;
    }
  }
  EXPECT_FALSE(json.at("agents").at(1).contains("uptime_seconds"));
}

TEST(StatusJson, CarriesWhatTheAgentTellsOfItself) {
  const agents::Observation observation = collectors::MakeObservation(
      {collectors::MakeAgent("codex", {collectors::MakeProcess(7, agents::Role::kRoot)})});
  const auto meta = nlohmann::json::parse(StatusJson(observation, &Told))["agents"][0]["agent_meta"];
  EXPECT_EQ(meta, nlohmann::json({{"model", "model of codex"},
                                  {"recent_actions", {{{"ts", "now"}, {"preview", "Bash"}}}}}));
  EXPECT_TRUE(nlohmann::json::parse(StatusJson(observation))["agents"][0].at("agent_meta").is_null());
}

TEST(StatusJson, TerseIsFlatWithAllKeys) {
  const auto agents = nlohmann::json::parse(StatusJson(
      collectors::MakeObservation({Busy(), collectors::MakeAgent("down")}), &Told, /*terse=*/true))["agents"];
  EXPECT_EQ(agents[0].size(), agents[1].size());
  for (const auto& agent : agents) {
    for (const auto& [key, value] : agent.items()) EXPECT_FALSE(value.is_structured()) << key;
  }
  EXPECT_EQ(agents[0].at("self_resident_memory_bytes"), 50000);
  EXPECT_EQ(agents[0].at("agent_meta.model"), "model of codex");
  EXPECT_TRUE(agents[0].at("kind").is_null());
  EXPECT_TRUE(agents[1].at("self_resident_memory_bytes").is_null());
  EXPECT_TRUE(agents[1].at("uptime_seconds").is_null());
}

TEST(StatusJson, HostileNamesStayValid) {
  agents::AgentSample agent =
      collectors::MakeAgent("\xff<script>\"", {collectors::MakeProcess(7, agents::Role::kRoot)});
  agent.processes[0].comm = "\xfe\n";
  const auto json = nlohmann::json::parse(StatusJson(collectors::MakeObservation({agent})));
  EXPECT_EQ(json.at("agents").at(0).at("agent"), "\xEF\xBF\xBD<script>\"");
}

TEST(StatusJson, NoAgentsIsAnEmptyList) {
  EXPECT_EQ(nlohmann::json::parse(StatusJson(collectors::MakeObservation())),
            nlohmann::json({{"agents", nlohmann::json::array()}}));
}

TEST(RunStatus, LooksForItself) {
  const serve::FakeProcfs proc;
  proc.AddProcess(7, 1, "codex");
  Options options;
  options.socket = "none";
  options.procfs = options.sysfs = proc.root();
  std::ostringstream out, err;
  EXPECT_EQ(RunStatus(options, out, err), 0) << err.str();
  EXPECT_THAT(out.str(), HasSubstr("\n  codex  up"));
}

TEST(RunStatus, WithoutProcfsItIsOneLineAndExitCodeOne) {
  Options options;
  options.socket = "none";
  options.procfs = "/nonexistent";
  std::ostringstream out, err;
  EXPECT_EQ(RunStatus(options, out, err), 1);
  EXPECT_EQ(out.str(), "");
  EXPECT_THAT(err.str(), testing::AllOf(testing::StartsWith("agent_exporter: "), HasSubstr("--path.procfs")));
}

}  // namespace
}  // namespace agent_exporter::exporter

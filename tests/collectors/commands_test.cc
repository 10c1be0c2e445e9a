#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

agents::ProcessSample Running(pid_t pid, const std::string& command, bool orphan = false) {
  agents::ProcessSample process = MakeReadable(pid, agents::Role::kDescendant);
  process.command = command;
  process.orphan = orphan;
  return process;
}

TEST(CommandsCollector, LivingAndDead) {
  agents::ProcessSample root = MakeReadable(7, agents::Role::kRoot);
  root.command = "git";  // its own use is not its descendants'
  agents::AgentSample agent =
      MakeAgent("codex", {root, Running(10, "mcp"), Running(20, "mcp", true), Running(30, "rare")});
  agent.commands = {{.command = "git", .cpu_ns = 1'500'000'000, .started = 3, .failed = 1},
                    {.command = "mcp", .cpu_ns = 0, .started = 2},
                    {.command = "other", .cpu_ns = 5'000'000, .started = 9}};
  EXPECT_THAT(Collect("commands", MakeObservation({agent})),
              UnorderedElementsAre(
                  Pair("agent_command_cpu_seconds_total{agent=\"codex\",command=\"git\"}", 1.5),
                  Pair("agent_command_cpu_seconds_total{agent=\"codex\",command=\"mcp\"}", 0),
                  Pair("agent_command_cpu_seconds_total{agent=\"codex\",command=\"other\"}", 0.005),
                  Pair("agent_command_started_total{agent=\"codex\",command=\"git\"}", 3),
                  Pair("agent_command_started_total{agent=\"codex\",command=\"mcp\"}", 2),
                  Pair("agent_command_started_total{agent=\"codex\",command=\"other\"}", 9),
                  Pair("agent_command_failed_total{agent=\"codex\",command=\"git\"}", 1),
                  Pair("agent_command_failed_total{agent=\"codex\",command=\"mcp\"}", 0),
                  Pair("agent_command_failed_total{agent=\"codex\",command=\"other\"}", 0),
                  Pair("agent_command_resident_memory_bytes{agent=\"codex\",command=\"mcp\"}", 30000),
                  Pair("agent_command_resident_memory_bytes{agent=\"codex\",command=\"other\"}", 30000),
                  Pair("agent_command_processes{agent=\"codex\",command=\"mcp\"}", 2),
                  Pair("agent_command_processes{agent=\"codex\",command=\"other\"}", 1),
                  Pair("agent_command_orphans{agent=\"codex\",command=\"mcp\"}", 1)));
}

TEST(CommandsCollector, TheOldestOfSeveralCopies) {
  agents::AgentSample agent = MakeAgent("codex", {Running(10, "mcp"), Running(20, "mcp"), Running(30, "mcp"),
                                                  Running(40, "git"), Running(50, "git")});
  agent.commands = {{.command = "git"}, {.command = "mcp"}};
  for (size_t i = 0; i < agent.processes.size(); ++i) agent.processes[i].key.start_ticks = 900 - 100 * i;
  const agents::Observation observation = MakeObservation({agent});
  const auto shown = Collect("commands", observation);
  EXPECT_EQ(shown.at("agent_command_oldest_start_time_seconds{agent=\"codex\",command=\"mcp\"}"),
            observation.StartTimeSeconds(agent.processes[2].key));
  EXPECT_EQ(shown.count("agent_command_oldest_start_time_seconds{agent=\"codex\",command=\"git\"}"), 0u);
}

TEST(CommandsCollector, WhatCouldNotBeReadIsAbsent) {
  agents::ProcessSample unreadable = MakeProcess(10, agents::Role::kDescendant);
  unreadable.command = "mcp";
  agents::AgentSample agent = MakeAgent("codex", {unreadable, Running(20, "mcp")});
  agent.commands = {{.command = "mcp"}};
  EXPECT_EQ(Collect("commands", MakeObservation({agent}))
                .count("agent_command_resident_memory_bytes{agent=\"codex\",command=\"mcp\"}"),
            0u);
}

}  // namespace
}  // namespace agent_exporter::collectors

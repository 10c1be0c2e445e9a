#include "leaks/command_growth.h"

#include <gtest/gtest.h>

namespace agent_exporter::leaks {
namespace {

constexpr uint64_t kMb = 1'000'000;

agents::ProcessSample Process(const std::string& command, std::optional<uint64_t> resident) {
  agents::ProcessSample process;
  process.command = command;
  process.state = 'S';
  process.usage.resident_bytes = resident;
  return process;
}

// Ten servers that grow by 1 MB a minute each, and a large program that does not grow.
agents::AgentSample At(double seconds) {
  agents::AgentSample agent;
  agent.processes.push_back(Process("claude", 900 * kMb));
  for (int i = 0; i < 10; ++i)
    agent.processes.push_back(Process("mcp-server", 10 * kMb + static_cast<uint64_t>(seconds / 60) * kMb));
  return agent;
}

TEST(CommandGrowth, NamesTheCommandThatGrewMostSinceThen) {
  CommandGrowth growth;
  EXPECT_FALSE(growth.Most(0));
  for (int second = 0; second <= 86400; ++second) growth.Add(second, At(second));
  for (const double minutes : {10.0, 60.0, 600.0}) {
    const auto most = growth.Most(minutes * 60);
    ASSERT_TRUE(most);
    EXPECT_EQ(most->command, "mcp-server");
    const double expected = 10.0 * kMb * minutes;
    EXPECT_GE(static_cast<double>(most->bytes), expected);
    EXPECT_LE(static_cast<double>(most->bytes), expected * 1.6) << "the records are close enough together";
  }
  EXPECT_FALSE(growth.Most(2 * 86400)) << "nothing is known of that time";
}

TEST(CommandGrowth, ProcessesThatAreNewCount) {
  CommandGrowth growth;
  agents::AgentSample agent;
  agent.processes = {Process("git", 5 * kMb)};
  growth.Add(0, agent);
  agent.processes = {Process("git", 4 * kMb), Process("rg", 3 * kMb), Process("rg", 4 * kMb)};
  growth.Add(60, agent);
  const auto most = growth.Most(60);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->command, "rg");
  EXPECT_EQ(most->bytes, 7 * kMb);
}

TEST(CommandGrowth, MemoryThatCouldNotBeReadIsNoGrowth) {
  CommandGrowth growth;
  agents::AgentSample agent;
  agent.processes = {Process("git", 5 * kMb)};
  growth.Add(0, agent);
  agent.processes = {Process("git", std::nullopt)};
  growth.Add(60, agent);
  agent.processes = {Process("git", 5 * kMb)};
  growth.Add(120, agent);
  EXPECT_FALSE(growth.Most(60));
  EXPECT_FALSE(growth.Most(120));
}

}  // namespace
}  // namespace agent_exporter::leaks

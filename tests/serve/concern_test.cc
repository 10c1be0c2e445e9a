#include "serve/concern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::serve {
namespace {

using agents::ResourceUse;
using Severity = Concern::Severity;

agents::AgentSample Codex() {
  agents::ProcessSample child = collectors::MakeReadable(450, agents::Role::kDescendant);
  child.command = "mcp-server";
  return collectors::MakeAgent("codex", {collectors::MakeReadable(7, agents::Role::kRoot), child});
}

ResourceUse Use(ResourceUse::Resource resource, uint64_t used, uint64_t limit, pid_t holder) {
  return {ResourceUse::Scope::kTree,
          resource,
          ResourceUse::Source::kRlimit,
          used,
          limit,
          holder == 0 ? kernel::ProcessKey{} : kernel::ProcessKey{holder, 1000}};
}

agents::LeakEvidence Leak(const ResourceUse& use, bool page, double per_second, double seconds) {
  return {.scope = use.scope,
          .resource = use.resource,
          .page = page,
          .growth_per_second = per_second,
          .seconds_to_limit = seconds,
          .use = use};
}

TEST(Concern, ALeakSaysWhoHowMuchHowFastAndHowLong) {
  agents::AgentSample agent = Codex();
  agent.leaks = {Leak(Use(ResourceUse::Resource::kFds, 952, 1024, 450), true, 0.2, 540)};
  const Concern concern = ConcernOf(agent, 0);
  EXPECT_EQ(concern.severity, Severity::kPage);
  EXPECT_EQ(concern.sentence,
            "out of file descriptors in 9m 0s: mcp-server (pid 450) holds 952 of 1,024, +12 a minute");
  EXPECT_THAT(concern.advice, testing::HasSubstr("agent_exporter fds 450"));
  EXPECT_EQ(LeakSentence(agent, Leak(Use(ResourceUse::Resource::kMemory, 3ull << 30, 4ull << 30, 0), false,
                                     350'000, 86400)),
            "out of memory in 1d 0h: it uses 3.0 GiB of 4.0 GiB, +20 MiB a minute");
  EXPECT_THAT(LeakSentence(agent, Leak(Use(ResourceUse::Resource::kFds, 1, 9, 0), false, 0.001, 1)),
              testing::HasSubstr("+3 an hour"));
  EXPECT_THAT(LeakSentence(agent, Leak(Use(ResourceUse::Resource::kFds, 1, 9, 0), false, 0.00001, 1)),
              testing::HasSubstr("+1 a day"));
}

TEST(Concern, ALeakOfMemoryNamesWhatGrowsIfItIsNotTheLargest) {
  const agents::AgentSample agent = Codex();
  const ResourceUse use = Use(ResourceUse::Resource::kMemory, 3ull << 30, 4ull << 30, 450);
  agents::LeakEvidence leak = Leak(use, false, 350'000, 86400);
  leak.grown = {"rg", 200 << 20};
  EXPECT_EQ(
      LeakSentence(agent, leak),
      "out of memory in 1d 0h: mcp-server (pid 450) holds 3.0 GiB of 4.0 GiB, +20 MiB a minute; rg grew "
      "most, by 200 MiB");
  leak.grown = {"mcp-server", 200 << 20};
  EXPECT_THAT(LeakSentence(agent, leak), testing::EndsWith("+20 MiB a minute"));
}

std::shared_ptr<const kernel::DescriptorKinds> Pipes(int pipes, int files, bool whole) {
  kernel::OpenDescriptors open{.list = {}, .whole = whole};
  for (int i = 0; i < pipes; ++i) open.list.push_back({.kind = kernel::DescriptorKind::kPipe});
  for (int i = 0; i < files; ++i) open.list.push_back({.kind = kernel::DescriptorKind::kFile});
  return std::make_shared<const kernel::DescriptorKinds>(open);
}

TEST(Concern, AShortageOfDescriptorsSaysWhatMostAre) {
  agents::AgentSample agent = Codex();
  const ResourceUse use = Use(ResourceUse::Resource::kFds, 952, 1024, 450);
  agent.processes[1].descriptors = Pipes(940, 12, true);
  EXPECT_EQ(LeakSentence(agent, Leak(use, true, 0.2, 540)),
            "out of file descriptors in 9m 0s: mcp-server (pid 450) holds 952 of 1,024, 940 of them pipes, "
            "+12 a minute");
  EXPECT_EQ(NearLimitSentence(agent, use),
            "952 of 1,024 file descriptors are used, by mcp-server (pid 450), 940 of them pipes");
  EXPECT_EQ(NearLimitSentence(agent, Use(ResourceUse::Resource::kPids, 952, 1024, 450)),
            "952 of 1,024 processes and threads are used, by mcp-server (pid 450)");
  agent.processes[1].descriptors = Pipes(40, 12, false);
  EXPECT_THAT(NearLimitSentence(agent, use), testing::EndsWith(", most of them pipes"));
  agent.processes[1].descriptors = Pipes(40, 40, false);
  EXPECT_THAT(NearLimitSentence(agent, use), testing::EndsWith("mcp-server (pid 450)"));
}

TEST(Concern, AfterADeathItSaysThatTheDescriptorTableWasFull) {
  agents::AgentSample agent = Codex();
  agent.last_exit = agents::LastExit{.wall_seconds = 100, .used_ratio = {{ResourceUse::Resource::kFds, 1}}};
  EXPECT_EQ(ConcernOf(agent, 225).sentence, "ended 2m 5s ago: its descriptor table was full");
  agent.last_exit->used_ratio[ResourceUse::Resource::kFds] = 0.97;
  EXPECT_EQ(ConcernOf(agent, 225).sentence, "ended 2m 5s ago: its descriptor table was 97 % full");
}

TEST(Concern, TheMostUrgentIsSaid) {
  agents::AgentSample agent = Codex();
  EXPECT_EQ(ConcernOf(agent, 0).severity, Severity::kNone);
  agent.last_exit =
      agents::LastExit{.wall_seconds = 100, .used_ratio = {{ResourceUse::Resource::kMemory, 0.98}}};
  EXPECT_EQ(ConcernOf(agent, 225).sentence, "ended 2m 5s ago: of its limit of memory 98 % were used");
  EXPECT_EQ(ConcernOf(agent, 2000).severity, Severity::kNone);
  agent.leaks = {Leak(Use(ResourceUse::Resource::kPids, 10, 100, 0), false, 1, 9000)};
  EXPECT_EQ(ConcernOf(agent, 225).severity, Severity::kTicket);
  agent.resources = {Use(ResourceUse::Resource::kFds, 89, 100, 7),
                     Use(ResourceUse::Resource::kFds, 90, 100, 7)};
  agent.processes[0].command = "codex";
  EXPECT_EQ(ConcernOf(agent, 225).sentence, "90 of 100 file descriptors are used, by codex (pid 7)");
  agent.leaks.push_back(Leak(Use(ResourceUse::Resource::kMemory, 1, 2, 0), true, 1, 9));
  EXPECT_EQ(ConcernOf(agent, 225).severity, Severity::kPage);
}

TEST(Concern, WhoIsConfiguredAndDownIsOne) {
  agents::AgentSample agent = collectors::MakeAgent("codex");
  EXPECT_EQ(ConcernOf(agent, 0).severity, Severity::kNone);
  agent.configured = true;
  EXPECT_EQ(ConcernOf(agent, 0).sentence, "does not run");
}

TEST(Concern, TheWorstStandsFirstThenTheBusiest) {
  agents::AgentSample busy = Codex(), leaks = Codex(), down = collectors::MakeAgent("down"), idle = Codex();
  busy.name = "busy";
  busy.tree_cpu_ratio = 2;
  leaks.name = "leaks";
  leaks.leaks = {Leak(Use(ResourceUse::Resource::kFds, 1, 9, 0), true, 1, 1)};
  down.configured = true;
  idle.name = "idle";
  const agents::Observation observation = collectors::MakeObservation({idle, busy, down, leaks});
  std::vector<std::string> names;
  for (const agents::AgentSample* agent : WorstFirst(observation)) names.push_back(agent->name);
  EXPECT_THAT(names, testing::ElementsAre("leaks", "down", "busy", "idle"));
}

}  // namespace
}  // namespace agent_exporter::serve

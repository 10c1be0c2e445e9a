#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string Of(const std::string& metric, const std::string& pid, const std::string& comm) {
  return "agent_process_" + metric + "{agent=\"codex\",pid=\"" + pid + "\",comm=\"" + comm + "\"}";
}

TEST(PidCpu, ShowsEachProcess) {
  EXPECT_THAT(Collect("pid_cpu",
                      MakeObservation({MakeAgent("codex", {MakeReadable(7, agents::Role::kRoot),
                                                           MakeReadable(50, agents::Role::kDescendant)})})),
              UnorderedElementsAre(Pair(Of("cpu_usage_ratio", "7", "codex"), 0.07),
                                   Pair(Of("resident_memory_bytes", "7", "codex"), 7000),
                                   Pair(Of("open_fds", "7", "codex"), 7),
                                   Pair(Of("cpu_usage_ratio", "50", "git"), 0.5),
                                   Pair(Of("resident_memory_bytes", "50", "git"), 50000),
                                   Pair(Of("open_fds", "50", "git"), 50)));
}

TEST(PidCpu, TwentyBusiestWithTheRootsAndTheRestSummed) {
  agents::AgentSample agent = MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)});
  for (pid_t pid = 101; pid <= 125; ++pid)
    agent.processes.push_back(MakeReadable(pid, agents::Role::kDescendant));
  const Samples samples = Collect("pid_cpu", MakeObservation({agent}));
  EXPECT_EQ(samples.size(), 3u * 21);
  EXPECT_THAT(samples, Contains(Key(Of("open_fds", "1", "codex")))) << "the idle root";
  EXPECT_THAT(samples, Contains(Key(Of("open_fds", "107", "git"))));
  EXPECT_THAT(samples, Not(Contains(Key(Of("open_fds", "106", "git")))));
  EXPECT_EQ(samples.at(Of("open_fds", "other", "other")), 101 + 102 + 103 + 104 + 105 + 106);
  EXPECT_EQ(samples.at(Of("resident_memory_bytes", "other", "other")), 621000);
  EXPECT_NEAR(samples.at(Of("cpu_usage_ratio", "other", "other")), 6.21, 1e-9);
}

TEST(PidCpu, TheRestIsAbsentIfOnePartIsUnreadable) {
  agents::AgentSample agent = MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)});
  for (pid_t pid = 101; pid <= 125; ++pid)
    agent.processes.push_back(MakeReadable(pid, agents::Role::kDescendant));
  agent.processes[1].usage.open_fds.reset();
  const Samples samples = Collect("pid_cpu", MakeObservation({agent}));
  EXPECT_THAT(samples, Not(Contains(Key(Of("open_fds", "other", "other")))));
  EXPECT_THAT(samples, Contains(Key(Of("resident_memory_bytes", "other", "other"))));
}

TEST(PidCpu, ExactlyTwentyNeedNoOther) {
  agents::AgentSample agent = MakeAgent("codex", {MakeReadable(1, agents::Role::kRoot)});
  for (pid_t pid = 101; pid < 120; ++pid)
    agent.processes.push_back(MakeReadable(pid, agents::Role::kDescendant));
  const Samples samples = Collect("pid_cpu", MakeObservation({agent}));
  EXPECT_EQ(samples.size(), 3u * 20);
  EXPECT_THAT(samples, Not(Contains(Key(Of("open_fds", "other", "other")))));
}

TEST(PidCpu, ZombiesAndUnreadableFiguresAreLeftOut) {
  EXPECT_THAT(Collect("pid_cpu", MakeObservation(
                                     {MakeAgent("codex", {MakeProcess(7, agents::Role::kRoot),
                                                          MakeProcess(8, agents::Role::kDescendant, 'Z')})})),
              UnorderedElementsAre(Pair(Of("cpu_usage_ratio", "7", "codex"), 0)));
}

TEST(PidCpu, HostileNamesBecomeUtf8) {
  agents::AgentSample agent = MakeAgent("codex", {MakeProcess(7, agents::Role::kRoot)});
  agent.processes[0].comm = "\xff\n";
  EXPECT_THAT(Collect("pid_cpu", MakeObservation({agent})),
              UnorderedElementsAre(Pair(Of("cpu_usage_ratio", "7", "\xEF\xBF\xBD\n"), 0)));
}

}  // namespace
}  // namespace agent_exporter::collectors

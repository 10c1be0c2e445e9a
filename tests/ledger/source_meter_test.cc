#include "ledger/source_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace agent_exporter::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr int64_t kSecond = 1'000'000'000;

// Processes of literals. Each was started one clock tick after the one before.
class Host {
 public:
  agents::ProcessSample& Add(pid_t pid, pid_t ppid, agents::Role role = agents::Role::kDescendant,
                             const std::string& agent = "codex") {
    agents::ProcessSample& process = agents_[agent][pid];
    process.key = {pid, ++starts_};
    process.ppid = ppid;
    process.session = 1;
    process.comm = "x";
    process.role = role;
    process.state = 'S';
    process.usage.resident_bytes = 100;
    return process;
  }
  agents::ProcessSample& Root(pid_t pid, const std::string& agent = "codex") {
    return Add(pid, 1, agents::Role::kRoot, agent);
  }
  agents::ProcessSample& At(pid_t pid, const std::string& agent = "codex") { return agents_[agent].at(pid); }
  void Remove(pid_t pid, const std::string& agent = "codex") { agents_[agent].erase(pid); }
  // CPU that is counted on account of a process: its own, or of children that came and went.
  void Use(pid_t pid, double seconds, const std::string& agent = "codex") {
    At(pid, agent).counted_cpu.user_ns += static_cast<int64_t>(seconds * kSecond);
    Count(seconds, agent);
  }
  // CPU that is counted on account of nobody who is there.
  void Count(double seconds, const std::string& agent = "codex") {
    counters_[agent].descendants_cpu.user_ns += static_cast<int64_t>(seconds * kSecond);
  }
  // Ends it; its parent takes over what was counted on its account.
  void End(pid_t pid, const std::string& agent = "codex") {
    const agents::ProcessSample gone = At(pid, agent);
    Remove(pid, agent);
    if (agents_[agent].contains(gone.ppid)) At(gone.ppid, agent).counted_cpu += gone.counted_cpu;
  }
  agents::Observation Look(double seconds) {
    now_ += seconds;
    agents::Observation observation;
    observation.monotonic_seconds = now_;
    observation.wall_seconds = 1e9 + now_;
    for (auto& [name, processes] : agents_) {
      agents::AgentSample& agent = observation.agents.emplace_back();
      agent.name = name;
      agent.counters = counters_[name];
      for (auto& [pid, process] : processes) agent.processes.push_back(process);
      std::stable_sort(agent.processes.begin(), agent.processes.end(),
                       [](const auto& a, const auto& b) { return a.role < b.role; });
    }
    return observation;
  }

 private:
  std::map<std::string, std::map<pid_t, agents::ProcessSample>> agents_;
  std::map<std::string, agents::AgentCounters> counters_;
  uint64_t starts_ = 0;
  double now_ = 5000;
};

class SourceMeterTest : public testing::Test {
 protected:
  // A tick after `seconds`: CPU percent by source, or by "agent source" for agents other than codex.
  std::map<std::string, double> Tick(double seconds) {
    meter_.Observe(host_.Look(seconds), panes_);
    std::map<std::string, double> cpu;
    last_.clear();
    for (const SourceSample& sample : meter_.TakeTick()) {
      const std::string name = sample.agent == "codex" ? sample.source : sample.agent + " " + sample.source;
      cpu[name] = std::round(sample.cpu_percent * 1000) / 1000;
      last_[name] = sample;
    }
    return cpu;
  }

  Host host_;
  Panes panes_;
  SourceMeter meter_;
  std::map<std::string, SourceSample> last_;
};

TEST_F(SourceMeterTest, TheFirstTickIsZeroThenCpuOverMonotonicTime) {
  host_.Root(10);
  host_.Use(10, 500);  // before it was watched
  EXPECT_THAT(Tick(0), ElementsAre(Pair("agent-server", 0), Pair("aggregate", 0)));
  host_.Use(10, 6);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 10), Pair("aggregate", 10)));
  EXPECT_EQ(last_["agent-server"].pid, 10);
  EXPECT_EQ(last_["agent-server"].rss_bytes, 100);
  EXPECT_EQ(last_["aggregate"].pid, std::nullopt);
}

TEST_F(SourceMeterTest, SessionLeadersAndAllBelowThemAreSessions) {
  host_.Root(10);
  host_.Add(11, 10);               // a plain child is the server's
  host_.Add(20, 10).session = 20;  // setsid
  host_.Add(21, 20).session = 20;
  host_.Add(22, 21).session = 22;  // a session within: the outermost counts
  Tick(0);
  host_.Use(10, 3);
  host_.Use(11, 3);
  host_.Use(20, 6);
  host_.Use(21, 12);
  host_.Use(22, 6);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 10), Pair("aggregate", 50), Pair("session:20", 40)));
  EXPECT_EQ(last_["session:20"].rss_bytes, 300);
  EXPECT_EQ(last_["session:20"].pid, 20);
  EXPECT_EQ(last_["aggregate"].rss_bytes, 500);
  EXPECT_TRUE(meter_.has_sessions());
  EXPECT_THAT(meter_.live(), UnorderedElementsAre(Pair("codex", "agent-server"), Pair("codex", "aggregate"),
                                                  Pair("codex", "session:20")));
}

TEST_F(SourceMeterTest, PanesAreSessionsByTheirName) {
  host_.Root(10);
  agents::ProcessSample& server = host_.Add(20, 1);  // tmux' server makes itself a daemon
  server.comm = "tmux: server";
  server.session = 20;
  server.orphan = true;
  host_.Add(30, 20).session = 30;
  host_.Add(31, 30).session = 30;
  host_.Add(40, 20).session = 40;
  host_.Add(50, 20).session = 50;
  host_.Add(11, 10).session = 11;  // leads a session outside the panes: the server's
  panes_ = {{30, "main"}, {40, "main"}, {50, "<b>"}};
  Tick(0);
  for (const pid_t pid : {20, 31, 40, 50, 11}) host_.Use(pid, 6);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 20), Pair("aggregate", 50), Pair("session:<b>", 10),
                                    Pair("session:main", 20)));
  EXPECT_EQ(last_["session:main"].rss_bytes, 300);
}

TEST_F(SourceMeterTest, WithoutPanesTheLeadersBelowTheTmuxServerCount) {
  host_.Root(10);
  agents::ProcessSample& server = host_.Add(20, 1);
  server.comm = "tmux: server";
  server.session = 20;
  server.orphan = true;
  host_.Add(30, 20).session = 30;
  host_.Add(40, 20).session = 40;
  Tick(0);
  EXPECT_THAT(meter_.live(), UnorderedElementsAre(Pair("codex", "agent-server"), Pair("codex", "aggregate"),
                                                  Pair("codex", "session:30"), Pair("codex", "session:40")));
}

TEST_F(SourceMeterTest, AnAgentInAnothersSessionIsInBoth) {
  host_.Root(10);
  host_.Add(20, 10).session = 20;
  host_.Add(30, 20, agents::Role::kRoot, "claude").session = 20;
  host_.Add(31, 30, agents::Role::kDescendant, "claude").session = 20;
  host_.Add(40, 10, agents::Role::kRoot, "other");  // outside any session: not codex's
  Tick(0);
  host_.Use(31, 6, "claude");
  host_.Use(40, 6, "other");
  const auto cpu = Tick(60);
  EXPECT_EQ(cpu.at("session:20"), 10);
  EXPECT_EQ(cpu.at("agent-server"), 0);
  EXPECT_EQ(cpu.at("claude agent-server"), 10);
  EXPECT_EQ(cpu.at("other agent-server"), 10);
}

TEST_F(SourceMeterTest, AnOrphanStaysInItsSession) {
  host_.Root(10);
  host_.Add(20, 10).session = 20;
  host_.Add(21, 20).session = 20;
  Tick(0);
  host_.Remove(20);
  host_.At(21).ppid = 1;
  host_.At(21).orphan = true;
  host_.Use(21, 6);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 0), Pair("aggregate", 10), Pair("session:20", 10)));
}

TEST_F(SourceMeterTest, WhatTheCountersHoldOnNobodysAccountIsTheServers) {
  host_.Root(10);
  host_.Add(20, 10).session = 20;
  Tick(0);
  host_.Count(6);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 10), Pair("aggregate", 10), Pair("session:20", 0)));
}

TEST_F(SourceMeterTest, WhatAParentTakesOverFromAChildIsNotCountedAgain) {
  host_.Root(10);
  host_.Add(20, 10).session = 20;
  host_.Add(21, 20).session = 20;
  Tick(0);
  host_.Use(21, 6);
  EXPECT_EQ(Tick(60).at("session:20"), 10);
  host_.Use(21, 3);
  host_.End(21);
  EXPECT_EQ(Tick(60).at("session:20"), 5);
  // The whole session ends, and its leader's parent takes over.
  host_.Use(20, 1.5);
  host_.End(20);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 2.5), Pair("aggregate", 2.5)));
  EXPECT_FALSE(meter_.has_sessions());
  EXPECT_EQ(Tick(60).at("aggregate"), 0);
}

TEST_F(SourceMeterTest, ANewSessionStartsWithZeroAndTheSumHoldsAllTheSame) {
  host_.Root(10);
  Tick(0);
  host_.Add(20, 10).session = 20;
  host_.Use(20, 3);
  host_.Use(10, 3);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 10), Pair("aggregate", 10), Pair("session:20", 0)));
  host_.Use(20, 3);
  EXPECT_EQ(Tick(60).at("session:20"), 5);
}

TEST_F(SourceMeterTest, AnAgentThatIsNewStartsWithZeroAndOneThatComesBackToo) {
  host_.Root(5, "other");
  Tick(0);
  host_.Root(10);
  host_.Use(10, 6);
  EXPECT_EQ(Tick(60).at("aggregate"), 0);
  host_.Use(10, 6);
  EXPECT_EQ(Tick(60).at("aggregate"), 10);
  host_.Use(10, 6);
  host_.End(10);
  Tick(60);
  host_.Root(10);
  EXPECT_EQ(Tick(60).at("aggregate"), 0);
}

TEST_F(SourceMeterTest, ASessionThatEndedBetweenTicksIsTheServersCpu) {
  host_.Root(10);
  Tick(0);
  host_.Add(20, 10).session = 20;
  host_.Use(20, 6);
  meter_.Observe(host_.Look(30), panes_);
  host_.Remove(20);
  EXPECT_THAT(Tick(30), ElementsAre(Pair("agent-server", 10), Pair("aggregate", 10)));
}

TEST_F(SourceMeterTest, APidThatIsReusedIsNobodysCpu) {
  host_.Root(10);
  host_.Add(20, 10).session = 20;
  host_.Use(20, 100);
  Tick(0);
  host_.Remove(20);
  host_.Add(20, 10).session = 20;  // another start
  host_.Use(20, 6);
  EXPECT_THAT(Tick(60), ElementsAre(Pair("agent-server", 10), Pair("aggregate", 10), Pair("session:20", 0)))
      << "what is on its account is less than before, so nobody can tell; the sum is right";
}

TEST_F(SourceMeterTest, AnUnreadableMemoryIsAbsentNotSmaller) {
  host_.Root(10);
  host_.Add(11, 10).usage.resident_bytes.reset();
  host_.Add(20, 10).session = 20;
  host_.Add(21, 20).state = 'Z';
  host_.At(21).usage.resident_bytes.reset();
  Tick(0);
  EXPECT_EQ(last_["agent-server"].rss_bytes, std::nullopt);
  EXPECT_EQ(last_["aggregate"].rss_bytes, std::nullopt);
  EXPECT_EQ(last_["session:20"].rss_bytes, 100) << "a zombie has no memory";
}

TEST_F(SourceMeterTest, WhatIsGoneHasNoSample) {
  host_.Root(10);
  Tick(0);
  host_.Remove(10);
  EXPECT_THAT(Tick(60), IsEmpty());
  EXPECT_THAT(meter_.live(), IsEmpty());
}

TEST_F(SourceMeterTest, TheExporterItselfIsNoAgent) {
  host_.Root(10, "agent_exporter");
  EXPECT_THAT(Tick(0), IsEmpty());
}

TEST_F(SourceMeterTest, AStormOfSessionsIsBounded) {
  host_.Root(10);
  for (pid_t pid = 100; pid < 400; ++pid) host_.Add(pid, 10).session = pid;
  const auto cpu = Tick(0);
  EXPECT_EQ(cpu.size(), SourceMeter::kMaxSessions + 3);
  EXPECT_EQ(last_["session:other"].rss_bytes, 200 * 100);
  EXPECT_EQ(last_["aggregate"].rss_bytes, 301 * 100);
}

TEST_F(SourceMeterTest, TheClockOfTheWallDoesNotMatter) {
  host_.Root(10);
  Tick(0);
  host_.Use(10, 6);
  agents::Observation observation = host_.Look(60);
  observation.wall_seconds -= 86400;
  meter_.Observe(observation, panes_);
  EXPECT_DOUBLE_EQ(meter_.TakeTick()[0].cpu_percent, 10);
}

}  // namespace
}  // namespace agent_exporter::ledger

#include "snapshot/ticker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/base/refusing_system.h"
#include "tests/collectors/observation_builder.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::snapshot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TickerTest : public ::testing::Test {
 protected:
  SnapshotTicker::Options Options() {
    SnapshotTicker::Options options{.snapshot = {.dir = tree_.root() + "/snapshots"}, .procfs = "/proc"};
    options.probes.tmux_socket_root = tree_.root();
    options.probes.screen = Program("screen", "echo No Sockets found in here.");
    options.log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      log_.push_back(line);
    };
    return options;
  }
  std::string Program(const std::string& name, const std::string& script) const {
    tree_.Write(name, "#!/bin/sh\n" + script + "\n");
    ::chmod((tree_.root() + "/" + name).c_str(), 0755);
    return tree_.root() + "/" + name;
  }
  static std::shared_ptr<agents::Observation> At(double seconds, std::vector<agents::AgentSample> agents) {
    auto observation = std::make_shared<agents::Observation>(collectors::MakeObservation(std::move(agents)));
    observation->monotonic_seconds = seconds;
    observation->wall_seconds += seconds;
    observation->self_pid = 77;
    return observation;
  }
  static void Round(SnapshotTicker& ticker, std::shared_ptr<const agents::Observation> observation) {
    const uint64_t before = ticker.rounds();
    ticker.Submit(std::move(observation));
    ticker.WaitForRound(before);
  }
  std::vector<std::string> Log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  kernel::FakeTree tree_;
  std::mutex mutex_;
  std::vector<std::string> log_;
};

TEST_F(TickerTest, SnapshotsOfEveryAgentButItself) {
  SnapshotTicker ticker(Options());
  Round(ticker, At(0, {collectors::MakeAgent("codex", {collectors::MakeProcess(5, agents::Role::kRoot)}),
                       collectors::MakeAgent("agent_exporter")}));
  const auto text = ticker.Latest("codex");
  ASSERT_TRUE(text.ok()) << text.status();
  const auto json = nlohmann::json::parse(*text);
  EXPECT_EQ(json["agent"], "codex");
  EXPECT_EQ(json["pids"]["container_daemon"], 77);
  EXPECT_EQ(json["screen_count"], 0);
  EXPECT_TRUE(absl::IsNotFound(ticker.Latest("agent_exporter").status()));
  const SnapshotFigures figures = ticker.figures();
  EXPECT_EQ(figures.agents.at("codex").diff_fields, 0u);
  EXPECT_EQ(figures.agents.at("codex").timestamp, 1'700'000'100);
  EXPECT_EQ(figures.tmux_sessions, 0u);
  EXPECT_EQ(figures.screen_sessions, 0u);
}

TEST_F(TickerTest, RefusedAThreadItSaysSoAndSnapshotsOnceItHasOne) {
  base::RefusingSystem system;
  system.threads = 0;
  SnapshotTicker::Options options = Options();
  options.system = &system;
  SnapshotTicker ticker(options);
  for (int i = 0; i < 3; ++i) ticker.Submit(At(i, {collectors::MakeAgent("codex")}));
  EXPECT_THAT(Log(), ElementsAre("no snapshots for now: no more threads"));
  system.threads = -1;
  Round(ticker, At(3, {collectors::MakeAgent("codex")}));
  EXPECT_TRUE(ticker.Latest("codex").ok());
}

TEST_F(TickerTest, OnceAnInterval) {
  SnapshotTicker::Options options = Options();
  options.snapshot.interval = std::chrono::seconds(10);
  SnapshotTicker ticker(options);
  Round(ticker, At(0, {collectors::MakeAgent("codex")}));
  ticker.Submit(At(9, {collectors::MakeAgent("codex")}));
  Round(ticker, At(10, {collectors::MakeAgent("codex")}));
  EXPECT_EQ(ticker.rounds(), 2u);
  EXPECT_EQ(ticker.figures().agents.at("codex").timestamp, 1'700'000'110);
}

TEST_F(TickerTest, OnlyTheAgentsThatWereNamed) {
  SnapshotTicker::Options options = Options();
  options.snapshot.agents = {{.name = "claude"}};
  SnapshotTicker ticker(options);
  Round(ticker, At(0, {collectors::MakeAgent("codex")}));
  EXPECT_TRUE(ticker.Latest("claude").ok());  // also when none runs
  EXPECT_FALSE(ticker.Latest("codex").ok());
}

TEST_F(TickerTest, ListenersHearOfChangesOnly) {
  std::vector<std::string> heard;
  SnapshotTicker::Options options = Options();
  options.snapshot.interval = std::chrono::seconds(1);
  options.on_diff.push_back(
      [&](const std::string& agent, const nlohmann::json& diff, const nlohmann::json& snapshot) {
        heard.push_back(agent + " " + diff["diff_fields"].dump() + " " + snapshot["node_procs"].dump());
      });
  SnapshotTicker ticker(options);
  agents::ProcessSample node = collectors::MakeProcess(5, agents::Role::kRoot);
  node.comm = "node";
  Round(ticker, At(0, {collectors::MakeAgent("codex")}));
  Round(ticker, At(1, {collectors::MakeAgent("codex")}));
  Round(ticker, At(2, {collectors::MakeAgent("codex", {node})}));
  Round(ticker, At(3, {collectors::MakeAgent("codex", {node})}));
  EXPECT_THAT(heard, ElementsAre("codex [\"node_procs\"] 1"));
  EXPECT_EQ(ticker.figures().agents.at("codex").diff_fields, 0u);
}

TEST_F(TickerTest, MetaGoesIntoTheSnapshot) {
  SnapshotTicker::Options options = Options();
  options.meta = [](const agents::AgentSample& agent) -> std::optional<sessions::AgentMeta> {
    if (agent.slot != "2") return std::nullopt;
    return sessions::AgentMeta{.context_pct = 12.5};
  };
  SnapshotTicker ticker(options);
  agents::AgentSample second = collectors::MakeAgent("codex");
  second.slot = "2";
  for (int i = 0; ticker.rounds() == 0; ++i) ticker.Submit(At(i, {collectors::MakeAgent("codex"), second}));
  EXPECT_EQ(nlohmann::json::parse(ticker.Latest("codex").value_or("{}"))["context_percent"], 12.5);
}

TEST_F(TickerTest, DirectoryThatCannotBeWrittenIsCountedAndSaidOnce) {
  tree_.Write("snapshots", "a file");
  SnapshotTicker::Options options = Options();
  options.snapshot.interval = std::chrono::seconds(1);
  SnapshotTicker ticker(options);
  for (int i = 0; i < 3; ++i) Round(ticker, At(i, {collectors::MakeAgent("codex")}));
  EXPECT_EQ(ticker.figures().agents.at("codex").failures, 3u);
  EXPECT_EQ(ticker.figures().agents.at("codex").timestamp, std::nullopt);
  EXPECT_THAT(Log(), ElementsAre(HasSubstr("the snapshot of codex failed")));
  tree_.Remove("snapshots");
  Round(ticker, At(3, {collectors::MakeAgent("codex")}));
  EXPECT_THAT(Log(), ElementsAre(HasSubstr("failed"), HasSubstr("works again")));
  EXPECT_TRUE(ticker.figures().agents.at("codex").timestamp.has_value());
}

// The sampler's thread is never held up: it offers on while a probe hangs, and the newest offer counts.
TEST_F(TickerTest, OffersGoOnWhileAProbeHangs) {
  SnapshotTicker::Options options = Options();
  options.snapshot.interval = std::chrono::seconds(1);
  const std::string started = tree_.root() + "/started";
  options.probes.screen = Program("screen", "touch " + started + "; while test -e " + started +
                                                "; do sleep 0.01; done; echo No Sockets found");
  options.probes.time_limit = std::chrono::minutes(5);
  SnapshotTicker ticker(options);
  ticker.Submit(At(0, {collectors::MakeAgent("codex")}));
  while (!std::filesystem::exists(started)) std::this_thread::yield();
  for (int i = 1; i <= 100; ++i) ticker.Submit(At(i, {collectors::MakeAgent("codex")}));
  EXPECT_EQ(ticker.rounds(), 0u);
  // Ends this probe and, once it started, the next.
  std::filesystem::remove(started);
  ticker.WaitForRound(0);
  while (!std::filesystem::exists(started)) std::this_thread::yield();
  std::filesystem::remove(started);
  ticker.WaitForRound(1);
  EXPECT_EQ(ticker.rounds(), 2u);  // the 99 in between were passed over
  EXPECT_EQ(ticker.figures().agents.at("codex").timestamp, 1'700'000'200);
}

TEST_F(TickerTest, StopEndsAProbeThatHangs) {
  SnapshotTicker::Options options = Options();
  const std::string started = tree_.root() + "/started";
  options.probes.screen = Program("screen", "touch " + started + "; sleep 1000");
  options.probes.time_limit = std::chrono::hours(1);
  SnapshotTicker ticker(options);
  ticker.Submit(At(0, {collectors::MakeAgent("codex")}));
  while (!std::filesystem::exists(started)) std::this_thread::yield();
  ticker.Stop();
  EXPECT_FALSE(ticker.Latest("codex").ok());
  EXPECT_THAT(Log(), IsEmpty());
}

TEST_F(TickerTest, FailingProbesAreCountedAndTheSnapshotIsTaken) {
  SnapshotTicker::Options options = Options();
  options.snapshot.interval = std::chrono::seconds(1);
  options.probes.screen = Program("screen", "echo nonsense");
  SnapshotTicker ticker(options);
  Round(ticker, At(0, {collectors::MakeAgent("codex")}));
  Round(ticker, At(1, {collectors::MakeAgent("codex")}));
  EXPECT_EQ(ticker.figures().probe_failures, 2u);
  EXPECT_EQ(ticker.figures().screen_sessions, std::nullopt);
  EXPECT_TRUE(nlohmann::json::parse(ticker.Latest("codex").value_or("{}"))["screen_count"].is_null());
  EXPECT_THAT(Log(), ElementsAre(HasSubstr("nonsense")));
}

TEST_F(TickerTest, SidecarsAreLookedAtBetweenSnapshots) {
  SnapshotTicker::Options options = Options();
  options.snapshot.agents = {{.name = "codex", .sidecars = {{.name = "proxy", .agent = "proxy"}}}};
  options.snapshot.interval = std::chrono::hours(1);
  SnapshotTicker ticker(options);
  Round(ticker, At(0, {collectors::MakeAgent("codex")}));
  ASSERT_EQ(ticker.figures().agents.at("codex").sidecars.size(), 1u);
  EXPECT_FALSE(ticker.figures().agents.at("codex").sidecars[0].alive);
  ticker.Submit(
      At(6, {collectors::MakeAgent("codex"),
             collectors::MakeAgent("proxy", {collectors::MakeProcess(::getpid(), agents::Role::kRoot)})}));
  while (!ticker.figures().agents.at("codex").sidecars[0].alive) std::this_thread::yield();
  EXPECT_EQ(ticker.rounds(), 1u);
}

}  // namespace
}  // namespace agent_exporter::snapshot

#include "sessions/meta_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/base/refusing_system.h"
#include "tests/base/wait_for.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const agents::Observation> Observed(const std::vector<std::string>& names) {
  auto observation = std::make_shared<agents::Observation>();
  for (const std::string& name : names) {
    agents::AgentSample agent;
    agent.name = name;
    agent.processes.resize(1);
    observation->agents.push_back(agent);
  }
  return observation;
}

class MetaKeeperTest : public ::testing::Test {
 protected:
  std::unique_ptr<MetaReader> Reader(std::vector<MetaOptions> options) const {
    return std::make_unique<MetaReader>(std::move(options), nullptr);
  }
  MetaOptions File() const {
    return {.agent = "a*",
            .source = MetaOptions::Source::kFile,
            .path = tree_.root() + "/{agent}.json",
            .interval = 0ms};
  }
  kernel::FakeTree tree_;
};

TEST_F(MetaKeeperTest, CachesWhatItsThreadReads) {
  tree_.Write("a1.json", R"({"model": "m1"})");
  tree_.Write("a2.json", R"({"model": "m2"})");
  MetaKeeper keeper(Reader({File()}));
  const auto observation = Observed({"a1", "a2", "b"});
  EXPECT_FALSE(keeper.Latest(observation->agents[0]));
  keeper.Enqueue(observation);
  ASSERT_TRUE(base::WaitFor([&] { return keeper.All().size() == 2; }));
  EXPECT_EQ(keeper.Latest(observation->agents[0])->model, "m1");
  EXPECT_EQ(keeper.All()[1].name, "a2");
  EXPECT_FALSE(keeper.Latest(observation->agents[2]));
}

TEST_F(MetaKeeperTest, RefusedAThreadItSaysSoAndReadsOnceItHasOne) {
  tree_.Write("a1.json", R"({"model": "m1"})");
  base::RefusingSystem system;
  system.threads = 0;
  std::vector<std::string> log;
  MetaKeeper keeper(Reader({File()}), nullptr, [&](const std::string& line) { log.push_back(line); }, system);
  for (int i = 0; i < 3; ++i) keeper.Enqueue(Observed({"a1"}));
  EXPECT_THAT(log, testing::ElementsAre("agent_meta is not read for now: no more threads"));
  system.threads = -1;
  keeper.Enqueue(Observed({"a1"}));
  EXPECT_TRUE(base::WaitFor([&] { return keeper.All().size() == 1; }));
}

TEST_F(MetaKeeperTest, DropsWhatIsNoLongerReported) {
  tree_.Write("a1.json", R"({"model": "m1"})");
  tree_.Write("a2.json", R"({"model": "m2"})");
  MetaKeeper keeper(Reader({File()}));
  keeper.Enqueue(Observed({"a1", "a2"}));
  ASSERT_TRUE(base::WaitFor([&] { return keeper.All().size() == 2; }));
  tree_.Write("a1.json", "{");
  keeper.Enqueue(Observed({"a1", "a2"}));
  ASSERT_TRUE(base::WaitFor([&] { return keeper.All().size() == 1; }));
  keeper.Enqueue(Observed({}));
  ASSERT_TRUE(base::WaitFor([&] { return keeper.All().empty(); }));
}

TEST_F(MetaKeeperTest, WhatTheSessionTellsFillsTheRest) {
  tree_.Write("a1.json", R"({"model": "from file"})");
  const auto sessions = [](const agents::AgentSample& agent) -> std::optional<AgentMeta> {
    if (agent.name == "b") return std::nullopt;
    return AgentMeta{.subagents = 3, .model = "from session"};
  };
  MetaKeeper keeper(Reader({File()}), sessions);
  const auto observation = Observed({"a1", "a2", "b"});
  keeper.Enqueue(observation);
  ASSERT_TRUE(base::WaitFor([&] { return keeper.All().size() == 2; }));
  EXPECT_EQ(keeper.Latest(observation->agents[0])->model, "from file");
  EXPECT_EQ(keeper.Latest(observation->agents[0])->subagents, 3u);
  EXPECT_EQ(keeper.Told(observation->agents[0])->subagents, std::nullopt);
  EXPECT_EQ(keeper.Latest(observation->agents[1])->model, "from session");
  EXPECT_FALSE(keeper.Told(observation->agents[1]));
}

// The command ends only when the test allows it, so nothing before that can have waited for it.
TEST_F(MetaKeeperTest, NobodyWaitsForACommand) {
  const std::string started = tree_.root() + "/started", fifo = tree_.root() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  MetaKeeper keeper(
      Reader({{.agent = "a",
               .source = MetaOptions::Source::kCommand,
               .command = {"/bin/sh", "-c",
                           "touch " + started + "; read line < " + fifo + "; echo '{\"model\": \"m\"}'"},
               .interval = 0ms}}));
  keeper.Enqueue(Observed({"a"}));
  ASSERT_TRUE(base::WaitFor([&] { return std::filesystem::exists(started); }));
  for (int i = 0; i < 100; ++i) keeper.Enqueue(Observed({"a"}));
  EXPECT_TRUE(keeper.All().empty());
  std::ofstream(fifo) << "go\n";
  EXPECT_TRUE(base::WaitFor([&] { return keeper.All().size() == 1; }));
}

TEST_F(MetaKeeperTest, ItsDestructorEndsACommand) {
  const std::string pid_file = tree_.root() + "/pid";
  pid_t pid = 0;
  {
    MetaKeeper keeper(
        Reader({{.agent = "a",
                 .source = MetaOptions::Source::kCommand,
                 .command = {"/bin/sh", "-c", "echo $$ > " + pid_file + "; exec sleep 1000"}}}));
    keeper.Enqueue(Observed({"a"}));
    ASSERT_TRUE(base::WaitFor([&] { return (std::ifstream(pid_file) >> pid) && pid > 0; }));
  }
  EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(pid)));
}

}  // namespace
}  // namespace agent_exporter::sessions

#include "snapshot/snapshot_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "exporter/config.h"

namespace agent_exporter::exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

snapshot::SnapshotOptions ParseSnapshot(const std::string& text) {
  const auto config = ParseConfig(text, "agents.yaml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() && config->snapshot ? config->snapshot->options : snapshot::SnapshotOptions();
}

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "agents.yaml");
  EXPECT_TRUE(absl::IsInvalidArgument(config.status())) << text << config.status();
  return std::string(config.status().message());
}

TEST(SnapshotConfig, EveryKey) {
  const snapshot::SnapshotOptions options = ParseSnapshot(
      "snapshot:\n"
      "  dir: ~/x\n"
      "  interval: 5m\n"
      "  names: [claude, 'tmux: server']\n"
      "  agents:\n"
      "    - codex\n"
      "    - name: claude\n"
      "      session: work\n"
      "      sidecars:\n"
      "        - {name: a, pid: 12}\n"
      "        - {name: b, pidfile: /run/b.pid, thread: io}\n"
      "        - {name: c, agent: proxy}\n"
      "        - {name: d, comm: node}\n"
      "        - {name: e, thread: telemetry}\n"
      "  ignore: [agent_meta.pane_tail]\n"
      "  min_change: {load1: 0.5, nproc_cur: 5%}\n");
  EXPECT_EQ(options.dir, "~/x");
  EXPECT_EQ(options.interval, std::chrono::minutes(5));
  EXPECT_THAT(options.names, ElementsAre("claude", "tmux: server"));
  ASSERT_EQ(options.agents.size(), 2u);
  EXPECT_EQ(options.agents[0].name, "codex");
  EXPECT_THAT(options.agents[0].sidecars, IsEmpty());
  EXPECT_EQ(options.agents[1].session, "work");
  const auto& sidecars = options.agents[1].sidecars;
  ASSERT_EQ(sidecars.size(), 5u);
  EXPECT_EQ(sidecars[0].pid, 12);
  EXPECT_EQ(sidecars[1].pidfile, "/run/b.pid");
  EXPECT_EQ(sidecars[1].thread, "io");
  EXPECT_EQ(sidecars[2].agent, "proxy");
  EXPECT_EQ(sidecars[3].comm, "node");
  EXPECT_EQ(sidecars[4].thread, "telemetry");
  EXPECT_THAT(options.diff.ignore, ElementsAre("agent_meta.pane_tail"));
  EXPECT_EQ(options.diff.minimum.at("load1").amount, 0.5);
  EXPECT_FALSE(options.diff.minimum.at("load1").percent);
  EXPECT_EQ(options.diff.minimum.at("nproc_cur").amount, 5);
  EXPECT_TRUE(options.diff.minimum.at("nproc_cur").percent);
  EXPECT_EQ(options.diff.minimum.at("mem_used_bytes").amount, 25);  // the default stays
}

TEST(SnapshotConfig, NoSectionNoSnapshotsAnEmptyOneDefaults) {
  EXPECT_FALSE(ParseConfig("max_agents: 3\n", "a.yaml")->snapshot.has_value());
  const auto config = ParseConfig("snapshot:\n", "a.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->snapshot.has_value());
  EXPECT_EQ(config->snapshot->options.interval, std::chrono::minutes(1));
  EXPECT_THAT(config->snapshot->options.names, ElementsAre("claude", "bun", "node"));
}

TEST(SnapshotConfig, MistakesAreToldWithTheirPlace) {
  EXPECT_THAT(ErrorOf("snapshot: yes\n"), StartsWith("agents.yaml:1: snapshot must be a map"));
  EXPECT_THAT(ErrorOf("snapshot:\n  intervall: 5s\n"),
              HasSubstr("agents.yaml:2: unknown key \"intervall\"; did you"));
  EXPECT_THAT(ErrorOf("snapshot:\n  interval: soon\n"),
              StartsWith("agents.yaml:2: interval: \"soon\" is not a"));
  EXPECT_THAT(ErrorOf("snapshot:\n  interval: 10ms\n"), HasSubstr("at least 1s"));
  EXPECT_THAT(ErrorOf("snapshot:\n  dir: [a]\n"),
              StartsWith("agents.yaml:2: dir is a list; give it one word"));
  EXPECT_THAT(ErrorOf("snapshot:\n  names: ['']\n"), HasSubstr("an entry of names is an empty word"));
  EXPECT_THAT(ErrorOf("snapshot:\n  agents: codex\n"), HasSubstr("agents must be a list"));
  EXPECT_THAT(ErrorOf("snapshot:\n  agents: [a, a]\n"), HasSubstr("agent a is listed twice"));
  EXPECT_THAT(ErrorOf("snapshot:\n  agents: [{session: x}]\n"), HasSubstr("has no name"));
  EXPECT_THAT(ErrorOf("snapshot:\n  min_change: 5\n"), HasSubstr("min_change must be a map"));
  for (const char* amount : {"x", "-1", "5%%", "", "nan", "inf", "[1]"}) {
    EXPECT_THAT(ErrorOf("snapshot:\n  min_change: {load1: " + std::string(amount) + "}\n"),
                HasSubstr("min_change of load1 must be a number"))
        << amount;
  }
}

TEST(SnapshotConfig, MistakesOfSidecars) {
  const auto error = [](const std::string& sidecar) {
    return ErrorOf("snapshot:\n  agents:\n    - name: a\n      sidecars: [" + sidecar + "]\n");
  };
  EXPECT_THAT(error("x"), HasSubstr("a sidecar must be a map"));
  EXPECT_THAT(error("{pid: 1}"), HasSubstr("a sidecar has no name"));
  EXPECT_THAT(error("{name: x}"), HasSubstr("exactly one of pid, pidfile, agent and comm"));
  EXPECT_THAT(error("{name: x, pid: 1, comm: y}"), HasSubstr("exactly one of"));
  EXPECT_THAT(error("{name: x, pid: 0}"), HasSubstr("pid must be a whole number above 0"));
  EXPECT_THAT(error("{name: x, pid: 1x}"), HasSubstr("pid must be"));
  EXPECT_THAT(error("{name: x, port: 1}"), HasSubstr("unknown key"));
  EXPECT_THAT(error("{name: x, pid: 1}, {name: x, pid: 2}"), HasSubstr("sidecar x is listed twice"));
}

TEST(SnapshotDir, FlagThenFileThenDefault) {
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(snapshot::SnapshotDir("~/flag", "/file"), "/home/someone/flag");
  EXPECT_EQ(snapshot::SnapshotDir("", "~/file"), "/home/someone/file");
  EXPECT_EQ(snapshot::SnapshotDir("", ""), snapshot::DefaultSnapshotDir());
}

}  // namespace
}  // namespace agent_exporter::exporter

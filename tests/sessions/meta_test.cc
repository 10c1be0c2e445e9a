#include "sessions/meta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

agents::AgentSample AgentNamed(const std::string& name) {
  agents::AgentSample agent;
  agent.name = name;
  agent.processes.resize(3);
  agent.processes[0].key.pid = 41;
  agent.processes[0].role = agents::Role::kRoot;
  agent.processes[1].key.pid = 42;
  agent.processes[1].role = agents::Role::kRoot;
  return agent;
}

MetaOptions Command(const std::string& script) {
  return {.agent = "a", .source = MetaOptions::Source::kCommand, .command = {"/bin/sh", "-c", script}};
}

TEST(ParseAgentMetaTest, ReadsKnownKeys) {
  const auto meta = ParseAgentMeta(
      R"json({"alive": true, "subagents": 2, "context_pct": 43.5, "current_tool": "Bash", "last_activity": "now",
          "model": "m", "pane_tail": "> ok\n", "pane_tail_block": "box", "heap_used_bytes": 7,
          "recent_actions": ["Bash: rm -rf /", {"ts": "now", "preview": "Edit(secret.txt)"}, {"preview": "a.b-c_d"}], "more": {}})json");
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->alive, true);
  EXPECT_EQ(meta->subagents, 2u);
  EXPECT_EQ(meta->context_pct, 43.5);
  EXPECT_EQ(meta->current_tool, "Bash");
  EXPECT_EQ(meta->last_activity, "now");
  EXPECT_EQ(meta->model, "m");
  EXPECT_EQ(meta->pane_tail, "> ok\n");
  EXPECT_EQ(meta->pane_tail_block, "box");
  EXPECT_EQ(meta->heap_used_bytes, 7u);
  EXPECT_THAT(*meta->recent_actions,
              ElementsAre(AgentAction{std::nullopt, "Bash"}, AgentAction{"now", "Edit"},
                          AgentAction{std::nullopt, "a.b-c_d"}));
}

TEST(ParseAgentMetaTest, IgnoresValuesOfAnotherType) {
  const auto meta = ParseAgentMeta(
      R"({"alive": 1, "subagents": -1, "context_pct": 101, "current_tool": 5, "last_activity": null,
          "model": ["m"], "recent_actions": ["a", 1], "heap_used_bytes": -1})");
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->alive, std::nullopt);
  EXPECT_EQ(meta->subagents, std::nullopt);
  EXPECT_EQ(meta->context_pct, std::nullopt);
  EXPECT_EQ(meta->current_tool, std::nullopt);
  EXPECT_EQ(meta->last_activity, std::nullopt);
  EXPECT_EQ(meta->model, std::nullopt);
  EXPECT_EQ(meta->recent_actions, std::nullopt);
  EXPECT_EQ(meta->heap_used_bytes, std::nullopt);
  EXPECT_EQ(ParseAgentMeta(R"({"recent_actions": [{"ts": "now"}]})")->recent_actions, std::nullopt);
  for (const char* percent : {"\"43\"", "-0.1", "true", "{}"}) {
    EXPECT_EQ(ParseAgentMeta("{\"context_pct\": " + std::string(percent) + "}")->context_pct, std::nullopt);
  }
}

TEST(ParseAgentMetaTest, RefusesAnythingButAnObject) {
  for (const char* text : {"", "null", "[]", "3", "{\"a\": 1", "\xff"}) {
    EXPECT_EQ(ParseAgentMeta(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(ParseAgentMetaTest, BoundsTexts) {
  const std::string text(20'000, 'x');
  const auto meta = ParseAgentMeta("{\"model\": \"" + text + "\", \"pane_tail\": \"" + text + "\"}");
  EXPECT_EQ(meta->model->size(), 128u);
  EXPECT_EQ(meta->pane_tail, std::nullopt);
}

TEST(FindMetaOptionsTest, TheFirstMatch) {
  const std::vector<MetaOptions> all = {{.agent = "worker-1"}, {.agent = "worker-*"}, {.agent = "*"}};
  EXPECT_EQ(FindMetaOptions(all, "worker-1"), &all[0]);
  EXPECT_EQ(FindMetaOptions(all, "worker-12"), &all[1]);
  EXPECT_EQ(FindMetaOptions(all, "worker"), &all[2]);
  EXPECT_EQ(FindMetaOptions({{.agent = "a"}}, "b"), nullptr);
}

TEST(ReadMetaFileTest, ReadsTheAgentsFile) {
  const kernel::FakeTree tree;
  tree.Write("meta-w1.json", R"({"model": "m1"})");
  const MetaOptions options{
      .agent = "*", .source = MetaOptions::Source::kFile, .path = tree.root() + "/meta-{agent}.json"};
  EXPECT_EQ(ReadMetaFile(options, AgentNamed("w1"))->model, "m1");
  EXPECT_EQ(ReadMetaFile(options, AgentNamed("w2")).status().code(), Code::kNotFound);
  for (const char* name : {"", "../w1", "/etc/passwd", ".hidden"}) {
    EXPECT_EQ(ReadMetaFile(options, AgentNamed(name)).status().code(), Code::kInvalidArgument) << name;
  }
}

TEST(ReadMetaFileTest, ReportsErrorsOfTheFile) {
  const kernel::FakeTree tree;
  const MetaOptions options{
      .agent = "*", .source = MetaOptions::Source::kFile, .path = tree.root() + "/meta.json"};
  tree.Write("meta.json", "{");
  EXPECT_THAT(std::string(ReadMetaFile(options, AgentNamed("a")).status().message()),
              HasSubstr("meta.json: not a JSON object"));
  tree.Write("meta.json", "{\"model\": \"" + std::string(kMaxMetaBytes, 'x') + "\"}");
  EXPECT_EQ(ReadMetaFile(options, AgentNamed("a")).status().code(), Code::kResourceExhausted);
}

TEST(RunMetaCommandTest, ReadsTheCommandsOutput) {
  const auto meta = RunMetaCommand(Command("echo \"{\\\"model\\\": \\\"$AGENT_EXPORTER_AGENT\\\", "
                                           "\\\"current_tool\\\": \\\"$AGENT_EXPORTER_PIDS\\\"}\""),
                                   AgentNamed("a b"), -1);
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->model, "a b");
  EXPECT_EQ(meta->current_tool, "41 42");  // roots only
}

TEST(RunMetaCommandTest, AFailedCommandIsAnError) {
  EXPECT_EQ(RunMetaCommand(Command("echo '{}'; exit 3"), AgentNamed("a"), -1).status().code(),
            Code::kUnknown);
  EXPECT_EQ(RunMetaCommand(Command("echo '{}'; kill -9 $$"), AgentNamed("a"), -1).status().code(),
            Code::kUnknown);
  EXPECT_EQ(RunMetaCommand(Command("echo nonsense"), AgentNamed("a"), -1).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(RunMetaCommand(Command("yes"), AgentNamed("a"), -1).status().code(), Code::kResourceExhausted);
  MetaOptions missing = Command("");
  missing.command = {"/nowhere/at-all"};
  EXPECT_EQ(RunMetaCommand(missing, AgentNamed("a"), -1).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace agent_exporter::sessions

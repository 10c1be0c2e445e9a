#include "sessions/meta_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <string>

namespace agent_exporter::sessions {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::StatusOr<std::vector<MetaOptions>> Parse(const std::string& text) {
  return MetaFromYaml(YAML::Load(text), "f.yaml");
}

TEST(MetaConfigTest, ReadsEverySource) {
  const auto meta = Parse(R"(
- {agent: reviewer, source: claude-code, context_window: 1000000, config_dir: /srv/claude, interval: 2s}
- {agent: "worker-*", source: file, path: "/run/{agent}.json"}
- {agent: builder, source: command, command: [/bin/status, --json]}
- {agent: "*", source: none}
)");
  ASSERT_TRUE(meta.ok()) << meta.status();
  ASSERT_EQ(meta->size(), 4u);
  EXPECT_EQ(meta->at(0).agent, "reviewer");
  EXPECT_EQ(meta->at(0).source, MetaOptions::Source::kClaudeCode);
  EXPECT_EQ(meta->at(0).context_window, 1'000'000u);
  EXPECT_EQ(meta->at(0).config_dir, "/srv/claude");
  EXPECT_EQ(meta->at(0).interval, 2s);
  EXPECT_EQ(meta->at(1).source, MetaOptions::Source::kFile);
  EXPECT_EQ(meta->at(1).path, "/run/{agent}.json");
  EXPECT_EQ(meta->at(1).interval, 5s);
  EXPECT_EQ(meta->at(1).context_window, std::nullopt);
  EXPECT_EQ(meta->at(2).source, MetaOptions::Source::kCommand);
  EXPECT_THAT(meta->at(2).command, ElementsAre("/bin/status", "--json"));
  EXPECT_EQ(meta->at(2).interval, 60s);
  EXPECT_EQ(meta->at(3).source, MetaOptions::Source::kNone);
}

TEST(MetaConfigTest, NothingIsNoEntry) {
  for (const char* text : {"", "[]"}) EXPECT_THAT(*Parse(text), IsEmpty()) << text;
}

TEST(MetaConfigTest, ErrorsNameTheMistake) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: b", "f.yaml:1: meta must be a list; write each entry under a dash"},
      {"- x", "f.yaml:1: an entry of meta must be a map; write agent: and source: under its dash"},
      {"- {agent: a}", "f.yaml:1: source must be claude-code, file, command or none"},
      {"- {agent: a, source: codex}", "f.yaml:1: source must be claude-code, file, command or none"},
      {"- {source: none}", "f.yaml:1: an entry of meta needs agent:, the name of the agent (\"*\" for all)"},
      {"- {agent: a, source: file}", "f.yaml:1: source: file needs path:, an absolute path"},
      {"- {agent: a, source: file, path: x}", "f.yaml:1: source: file needs path:, an absolute path"},
      {"- {agent: a, source: command}", "f.yaml:1: source: command needs command: [program, ...]"},
      {"- {agent: a, source: none, path: /x}", "f.yaml:1: unknown key \"path\"; known keys: agent, source"},
      {"- {agent: a, source: file, path: /x, command: [a]}",
       "f.yaml:1: unknown key \"command\"; known keys: agent, source, interval, path"},
      {"- {agent: a, source: claude-code, interval: 10ms}",
       "f.yaml:1: interval is \"10ms\"; it must be from 1000ms to 86400000ms"},
      {"- {agent: a, source: claude-code, config_dir: ~/x}", "f.yaml:1: config_dir must be an absolute path"},
      {"- {agent: a, source: claude-code, context_window: 0}",
       "f.yaml:1: context_window must be a whole number of tokens, such as 1000000"},
      {"- {agent: a, source: claude-code, context_window: 1e6}",
       "f.yaml:1: context_window must be a whole number of tokens, such as 1000000"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Parse(text).status().message(), message) << text;
}

}  // namespace
}  // namespace agent_exporter::sessions

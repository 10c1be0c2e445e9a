#include "sessions/claude_meta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "tests/sessions/fake_claude.h"
#include "tests/sessions/transcript_builder.h"

namespace agent_exporter::sessions {
namespace {

using Code = absl::StatusCode;

class ClaudeMetaTest : public ::testing::Test {
 protected:
  ClaudeMetaTest() { tree_.MakeDirectory(claude_.folder()); }

  std::string Path(const std::string& name) const {
    return tree_.root() + "/" + claude_.folder() + "/" + name;
  }
  void Write(const std::string& name, const std::string& text, int seconds_from_now = 0) const {
    tree_.Write(claude_.folder() + "/" + name, text);
    Age(name, seconds_from_now);
  }
  void Age(const std::string& name, int seconds_from_now) const {
    std::filesystem::last_write_time(
        Path(name), std::filesystem::file_time_type::clock::now() + std::chrono::seconds(seconds_from_now));
  }
  absl::StatusOr<AgentMeta> Read(uint64_t window = kDefaultContextWindow) {
    return meta_.Read(claude_.Agent(), {.context_window = window});
  }

  kernel::FakeTree tree_;
  FakeClaude claude_{tree_};
  kernel::RootedReader proc_{"/proc"};
  ClaudeMeta meta_{proc_, [this](uid_t uid) {
                     EXPECT_EQ(uid, ::getuid());
                     return std::optional<std::string>(claude_.home());
                   }};
};

TEST_F(ClaudeMetaTest, FindsTheTranscriptOfTheProcess) {
  Write("s1.jsonl", Answer({.tools = {{"Bash", "t1"}}}));
  const auto meta = Read();
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->alive, true);
  EXPECT_EQ(meta->model, "claude-opus-4-5");
  EXPECT_EQ(meta->current_tool, "Bash");
  EXPECT_EQ(meta->last_activity, "2026-01-23T17:13:37.849Z");
  EXPECT_EQ(meta->context_pct, 25.0);
  EXPECT_THAT(*meta->recent_actions, ::testing::ElementsAre(::testing::Field(&AgentAction::preview, "Bash")));
}

TEST_F(ClaudeMetaTest, AContextLargerThanTheWindowIsAbsent) {
  Write("s1.jsonl", Answer({}));
  EXPECT_EQ(Read(100'000)->context_pct, 50.0);
  EXPECT_EQ(Read(50'000)->context_pct, 100.0);
  EXPECT_EQ(Read(49'999)->context_pct, std::nullopt);
}

TEST_F(ClaudeMetaTest, ReadsTheNewestSessionAndIgnoresSubagents) {
  Write("old.jsonl", Answer({.model = "old"}), 100);
  Write("new.jsonl", Answer({.model = "new"}), 200);
  Write("agent-1.jsonl", Answer({.model = "subagent"}), 300);
  Write("other.json", Answer({.model = "no session"}), 300);
  Write(".jsonl", Answer({.model = "no name"}), 300);
  EXPECT_EQ(Read()->model, "new");
  Age("old.jsonl", 300);
  EXPECT_EQ(Read()->model, "old");
}

TEST_F(ClaudeMetaTest, IgnoresTranscriptsOlderThanTheProcess) {
  Write("s1.jsonl", Answer({}), -60);
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Age("s1.jsonl", 0);
  EXPECT_TRUE(Read().ok());
}

TEST_F(ClaudeMetaTest, ReadsAGrownTranscriptAgain) {
  Write("s1.jsonl", Answer({.model = "one"}));
  EXPECT_EQ(Read()->model, "one");
  Write("s1.jsonl", Answer({.model = "one"}) + Answer({.id = "m2", .model = "two"}), 10);
  EXPECT_EQ(Read()->model, "two");
}

TEST_F(ClaudeMetaTest, TheConfigurationCanSetTheFolder) {
  Write("s1.jsonl", Answer({}));
  std::filesystem::rename(claude_.home() + "/.claude", tree_.root() + "/elsewhere");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  EXPECT_TRUE(meta_.Read(claude_.Agent(), {.config_dir = tree_.root() + "/elsewhere"}).ok());
}

TEST_F(ClaudeMetaTest, FollowsNoLinkAndWaitsForNoFifo) {
  tree_.Write("secret.jsonl", Answer({}));
  std::filesystem::create_symlink(tree_.root() + "/secret.jsonl", Path("link.jsonl"));
  ASSERT_EQ(::mkfifo(Path("fifo.jsonl").c_str(), 0600), 0);
  std::filesystem::create_directory(Path("folder.jsonl"));
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(ClaudeMetaTest, FollowsNoLinkOutOfTheHome) {
  Write("s1.jsonl", Answer({}));
  std::filesystem::rename(claude_.home() + "/.claude", tree_.root() + "/elsewhere");
  tree_.Link("home/.claude", tree_.root() + "/elsewhere");
  EXPECT_EQ(Read().status().code(), Code::kFailedPrecondition);
}

TEST_F(ClaudeMetaTest, ReadsNoFileOfAnotherUser) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can give files away";
  Write("s1.jsonl", Answer({}));
  ASSERT_EQ(::chown(Path("s1.jsonl").c_str(), 12345, 12345), 0);
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(ClaudeMetaTest, RecognisesClaudeUnderAnyAgentName) {
  EXPECT_TRUE(meta_.IsClaude(claude_.Agent("reviewer")));
  const FakeClaude other(tree_, "clod");
  EXPECT_FALSE(meta_.IsClaude(other.Agent("claude")));
  agents::AgentSample zombie = claude_.Agent();
  zombie.processes[0].state = 'Z';
  EXPECT_FALSE(meta_.IsClaude(zombie));
}

// A wrapper with another name, for which the configuration says claude-code.
TEST_F(ClaudeMetaTest, WithoutClaudeItReadsTheRoots) {
  Write("s1.jsonl", Answer({}));
  const FakeClaude wrapper(tree_, "wrapper");
  EXPECT_TRUE(meta_.Read(wrapper.Agent("w"), MetaOptions()).ok());
  // A descendant that is Claude Code takes precedence over its wrapper.
  agents::AgentSample both = wrapper.Agent("w");
  both.processes.push_back(claude_.Agent().processes[0]);
  both.processes[1].role = agents::Role::kDescendant;
  EXPECT_TRUE(meta_.Read(both, MetaOptions()).ok());
}

TEST_F(ClaudeMetaTest, AUserWithoutHomeOrFolderHasNoTranscript) {
  ClaudeMeta homeless(proc_, [](uid_t) { return std::optional<std::string>(); });
  EXPECT_EQ(homeless.Read(claude_.Agent(), MetaOptions()).status().code(), Code::kNotFound);
  std::filesystem::remove_all(claude_.home());
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST(HomeFromUserDatabaseTest, FindsExistingUsersOnly) {
  EXPECT_THAT(HomeFromUserDatabase(0).value_or(""), ::testing::StartsWith("/"));
  EXPECT_EQ(HomeFromUserDatabase(3'999'999'999), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::sessions

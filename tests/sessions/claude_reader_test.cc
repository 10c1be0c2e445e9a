#include "sessions/claude_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "sessions/json_fields.h"
#include "sessions/session_processes.h"
#include "tests/sessions/fake_claude.h"
#include "tests/sessions/transcript_builder.h"

namespace agent_exporter::sessions {
namespace {

using Code = absl::StatusCode;
using nlohmann::json;

class ClaudeReaderTest : public ::testing::Test {
 protected:
  ClaudeReaderTest() {
    tree_.MakeDirectory(claude_.folder());
    process_.key = claude_.Agent().processes[0].key;
    process_.inner_pid = process_.key.pid;
    process_.uid = ::getuid();
    process_.start_seconds = static_cast<double>(::time(nullptr));
    process_.cwd = std::filesystem::canonical(tree_.root() + "/work").string();
    process_.home = claude_.home();
  }

  std::string Path(const std::string& name) const {
    return tree_.root() + "/" + claude_.folder() + "/" + name;
  }
  void Write(const std::string& name, const std::string& text, int seconds_from_now = 0) const {
    tree_.Write(claude_.folder() + "/" + name, text);
    Age(name, seconds_from_now);
  }
  void Append(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::app) << text;
  }
  void Age(const std::string& name, int seconds_from_now) const {
    std::filesystem::last_write_time(
        Path(name), std::filesystem::file_time_type::clock::now() + std::chrono::seconds(seconds_from_now));
  }
  // The registry's file of the process, with `more`.
  void Register(const json& more, const std::string& config = "home/.claude") const {
    json entry = {
        {"pid", process_.key.pid}, {"sessionId", "s1"},
        {"cwd", process_.cwd},     {"startedAt", (static_cast<uint64_t>(process_.start_seconds) + 1) * 1000},
        {"kind", "interactive"},   {"procStart", std::to_string(process_.key.start_ticks)}};
    if (more.is_object()) entry.update(more);
    tree_.Write(config + "/sessions/" + std::to_string(process_.inner_pid) + ".json", entry.dump());
  }
  absl::StatusOr<SessionState> Read(ClaudeReader& reader) const {
    uint64_t bytes = 64 << 20;
    return reader.Read(process_, &bytes);
  }
  absl::StatusOr<SessionState> Read() { return Read(reader_); }

  kernel::FakeTree tree_;
  FakeClaude claude_{tree_};
  SessionProcess process_;
  ClaudeReader reader_{ReaderOptions()};
};

TEST_F(ClaudeReaderTest, TheRegistrySaysWhichTranscript) {
  Write("s1.jsonl", Answer({.model = "mine"}), -100);
  Write("s2.jsonl", Answer({.model = "another session's"}), 100);
  process_.alone = false;
  EXPECT_EQ(Read().status().code(), Code::kNotFound);  // of two, nobody knows whose is whose
  Register({{"name", "proj-47"}, {"status", "busy"}});
  const auto state = Read();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->model, "mine");
  EXPECT_EQ(state->name, "proj-47");
  EXPECT_EQ(state->claim, SessionStatus::kWorking);
  EXPECT_TRUE(state->settled);
}

TEST_F(ClaudeReaderTest, TheStatusOfTheRegistryWins) {
  Write("s1.jsonl", Answer({.tools = {{"Bash", "t1"}}}));
  const auto with = [this](const char* status) {
    Register({{"status", status}});
    return *Read();
  };
  EXPECT_EQ(with("idle").claim, SessionStatus::kIdle);
  EXPECT_EQ(with("shell").claim, SessionStatus::kWorking);
  EXPECT_EQ(with("waiting").claim, SessionStatus::kWaiting);
  EXPECT_EQ(with("waiting").waiting_for, "permission");
  EXPECT_EQ(with("of the future").claim, SessionStatus::kWorking);  // as the transcript has it
  EXPECT_FALSE(with("of the future").settled);
  Append("s1.jsonl", Answer({.id = "m2", .tools = {{"AskUserQuestion", "t2"}}}));
  EXPECT_EQ(with("waiting").waiting_for, "question");
}

TEST_F(ClaudeReaderTest, AnEntryOfAnotherProcessWithThisPidIsNotIts) {
  Write("s1.jsonl", Answer({}), -100);
  Register({{"procStart", "1"}});
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Register(
      {{"procStart", nullptr}, {"startedAt", (static_cast<uint64_t>(process_.start_seconds) - 60) * 1000}});
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Register({{"procStart", nullptr}});
  EXPECT_TRUE(Read().ok());
  Register({{"spare", true}});
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Register({{"sessionId", "../../../../etc/passwd"}});
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(ClaudeReaderTest, ASessionWithoutATranscriptYet) {
  Register({{"status", "idle"}, {"name", "fresh"}});
  const auto state = Read();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, SessionState({.name = "fresh", .claim = SessionStatus::kIdle, .settled = true}));
}

TEST_F(ClaudeReaderTest, ASessionThatWasBegunElsewhere) {
  Register({});
  tree_.Write("home/.claude/projects/-elsewhere/s1.jsonl", Answer({.model = "m"}));
  EXPECT_EQ(Read()->model, "m");
  EXPECT_EQ(Read()->model, "m");
}

TEST_F(ClaudeReaderTest, FollowsWhatIsAppended) {
  Write("s1.jsonl", Answer({.model = "one"}));
  EXPECT_EQ(Read()->model, "one");
  EXPECT_EQ(Read()->tokens->output, 7u);
  const std::string next = Answer({.id = "m2", .model = "two"});
  Append("s1.jsonl", next.substr(0, 20));
  EXPECT_EQ(Read()->model, "one");
  Append("s1.jsonl", next.substr(20));
  EXPECT_EQ(Read()->model, "two");
  EXPECT_EQ(Read()->tokens,
            (TokenCounts{.input = 20, .output = 14, .cache_read = 80'000, .cache_creation = 19'980}));
  Write("s1.jsonl", Answer({.model = "cut"}));
  EXPECT_EQ(Read()->model, "cut");
  EXPECT_EQ(Read()->tokens->output, 7u);
}

TEST_F(ClaudeReaderTest, EachTokenIsFreshOnce) {
  ClaudeReader reader({.count_from = *TimeOf("2026-01-23T17:13:37Z")});
  Register({});
  Write("s1.jsonl", Answer({.id = "old", .timestamp = "2026-01-23T17:13:36.000Z"}) + Answer({.id = "new"}) +
                        Answer({.id = "new"}));
  const TokenCounts one = {.input = 10, .output = 7, .cache_read = 40'000, .cache_creation = 9'990};
  EXPECT_EQ(Read(reader)->fresh, (TokensByModel{{"claude-opus-4-5", one}}));
  EXPECT_TRUE(Read(reader)->fresh.empty());
  // After /clear or a fork: another file, with copies of what was there.
  Register({{"sessionId", "s2"}});
  Write("s2.jsonl", Answer({.id = "new"}) + Answer({.id = "newer"}));
  const auto state = Read(reader);
  EXPECT_EQ(state->fresh, (TokensByModel{{"claude-opus-4-5", one}}));
  EXPECT_EQ(state->tokens->output, 14u);
}

TEST_F(ClaudeReaderTest, SubagentsTokensAreTheSessions) {
  Write("s1.jsonl", Answer({.id = "m1"}));
  Write("s1/subagents/agent-1.jsonl",
        Answer({.id = "m1", .sidechain = true}) + Answer({.id = "m2", .model = "small", .sidechain = true}));
  const auto state = Read();
  EXPECT_EQ(state->tokens->output, 14u);
  EXPECT_EQ(state->fresh.size(), 2u);
  EXPECT_EQ(state->model, "claude-opus-4-5");
}

TEST_F(ClaudeReaderTest, TheWindowIsNeverTooSmall) {
  const auto window = [this](uint64_t tokens, const std::string& model, const ReaderOptions& options = {}) {
    Write("s1.jsonl", Answer({.model = model, .input = tokens, .cache_read = 0, .cache_creation = 0}));
    ClaudeReader reader(options);
    return Read(reader)->context_window;
  };
  EXPECT_EQ(window(50'000, "claude-opus-4-5"), 200'000u);
  EXPECT_EQ(window(250'000, "claude-opus-4-5"), 1'000'000u);
  EXPECT_EQ(window(50'000, "claude-opus-4-5[1m]"), 1'000'000u);
  EXPECT_EQ(window(50'000, "m", {.context_window = 400'000}), 400'000u);
  EXPECT_EQ(
      window(50'000, "m-1", {.context_windows = {{"m-*", 1}, {"m-1", 2}, {"*", 3}}, .context_window = 4}),
      2u);
}

TEST_F(ClaudeReaderTest, TheStatusLineKnowsTheWindow) {
  Register({});
  Write("s1.jsonl", Answer({}));
  process_.environment["XDG_RUNTIME_DIR"] = tree_.root() + "/run";
  tree_.Write(
      "run/agent_exporter/claude/s1.json",
      R"({"session_id":"s1","told":5.0,"context_window":1000000,"model":"other",)"
      R"("limits":[{"window":"5h","used_ratio":0.5,"reset":9.0},{"window":"evil","used_ratio":1.0}]})");
  const auto state = Read();
  EXPECT_EQ(state->context_window, 1'000'000u);
  EXPECT_EQ(state->model, "claude-opus-4-5");
  EXPECT_EQ(state->limits, (std::vector<PlanLimit>{{"5h", 0.5, 9.0, 5.0}}));
}

TEST_F(ClaudeReaderTest, TheEnvironmentAndTheConfigurationSayWhere) {
  Write("s1.jsonl", Answer({}));
  std::filesystem::rename(claude_.home() + "/.claude", tree_.root() + "/elsewhere");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  ClaudeReader configured({.config_dir = tree_.root() + "/elsewhere"});
  EXPECT_TRUE(Read(configured).ok());
  process_.environment["CLAUDE_CONFIG_DIR"] = tree_.root() + "/elsewhere";
  EXPECT_TRUE(Read().ok());
}

TEST_F(ClaudeReaderTest, WithoutARegistryTheNewestTranscriptSinceItStarted) {
  Write("old.jsonl", Answer({.model = "old"}), 100);
  Write("new.jsonl", Answer({.model = "new"}), 200);
  Write("agent-1.jsonl", Answer({.model = "subagent"}), 300);
  Write("other.json", Answer({.model = "no session"}), 300);
  Write(".jsonl", Answer({.model = "no name"}), 300);
  EXPECT_EQ(Read()->model, "new");
  Age("old.jsonl", 300);
  EXPECT_EQ(Read()->model, "old");
  for (const char* name : {"old.jsonl", "new.jsonl"}) Age(name, -60);
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(ClaudeReaderTest, ALongTranscriptIsReadInPieces) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += Answer({.id = std::to_string(i)});
  Write("s1.jsonl", text);
  int reads = 0;
  for (absl::StatusOr<SessionState> state = SessionState(); ++reads < 100;) {
    uint64_t bytes = text.size() / 5;
    state = reader_.Read(process_, &bytes);
    ASSERT_TRUE(state.ok());
    if (!state->tokens) {
      EXPECT_EQ(state->model, std::nullopt);  // half of it tells of the past
      continue;
    }
    EXPECT_EQ(state->tokens->output, 700u);
    break;
  }
  EXPECT_GE(reads, 5);
  EXPECT_LE(reads, 8);
}

TEST_F(ClaudeReaderTest, FollowsNoLinkAndWaitsForNoFifo) {
  tree_.Write("secret.jsonl", Answer({}));
  std::filesystem::create_symlink(tree_.root() + "/secret.jsonl", Path("link.jsonl"));
  ASSERT_EQ(::mkfifo(Path("fifo.jsonl").c_str(), 0600), 0);
  std::filesystem::create_directory(Path("folder.jsonl"));
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  for (const char* id : {"link", "fifo", "folder"}) {
    Register({{"sessionId", id}});
    EXPECT_EQ(*Read(), SessionState()) << id;
  }
}

TEST_F(ClaudeReaderTest, FollowsNoLinkOutOfTheHome) {
  Write("s1.jsonl", Answer({}));
  std::filesystem::rename(claude_.home() + "/.claude", tree_.root() + "/elsewhere");
  tree_.Link("home/.claude", tree_.root() + "/elsewhere");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(ClaudeReaderTest, ReadsNoFileOfAnotherUser) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can give files away";
  Write("s1.jsonl", Answer({}));
  Register({});
  ASSERT_EQ(::chown(Path("s1.jsonl").c_str(), 12345, 12345), 0);
  EXPECT_EQ(*Read(), SessionState());
  const std::string entry =
      claude_.home() + "/.claude/sessions/" + std::to_string(process_.inner_pid) + ".json";
  ASSERT_EQ(::chown(entry.c_str(), 12345, 12345), 0);
  EXPECT_EQ(Read().status().code(), Code::kPermissionDenied);
}

// All names that an agent wrote are fit to be labels, and no text is in them.
TEST_F(ClaudeReaderTest, HostileNames) {
  Register({{"name", std::string(5000, 'n')}});
  Write("s1.jsonl", Answer({.model = std::string(5000, 'm'), .tools = {{std::string(5000, 't'), "t1"}}}));
  const auto state = Read();
  EXPECT_EQ(state->name->size(), 128u);
  EXPECT_EQ(state->model->size(), 128u);
  EXPECT_EQ(state->tool->size(), 128u);
}

TEST(HomeFromUserDatabaseTest, FindsExistingUsersOnly) {
  EXPECT_THAT(HomeFromUserDatabase(0).value_or(""), ::testing::StartsWith("/"));
  EXPECT_EQ(HomeFromUserDatabase(3'999'999'999), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::sessions

// What every reader of transcripts must bear: files that are huge, cut, hostile or of tomorrow. And what each
// agent does with its own files when a conversation goes on elsewhere.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "sessions/gemini_lines.h"
#include "sessions/session_reader.h"
#include "tests/kernel/fake_tree.h"
#include "tests/sessions/transcript_builder.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;
using Status = SessionStatus;

constexpr char kTime[] = "2026-01-23T17:13:37.849Z";

std::string Rollout(const std::string& type, const json& payload) {
  return Line({{"timestamp", kTime}, {"type", type}, {"payload", payload}});
}

// An agent with one transcript.
struct Fixture {
  std::string profile;
  std::string path;   // of the transcript, below the home
  std::string first;  // its first lines
  std::string turn;   // lines of a turn that goes on, by "model"
};

const Fixture& FixtureOf(const std::string& profile) {
  static const Fixture claude = {"claude", ".claude/projects/-w-proj/s1.jsonl", Prompt("secret"),
                                 Answer({.model = "model", .tools = {{"Bash", "t1"}}})};
  static const Fixture codex = {
      "codex", ".codex/sessions/2026/01/23/rollout-1.jsonl",
      Rollout("session_meta", {{"id", "u"}, {"cwd", "/w/proj"}, {"source", "cli"}}),
      Rollout("turn_context", {{"model", "model"}}) + Rollout("event_msg", {{"type", "task_started"}})};
  static const Fixture gemini = {"gemini", ".gemini/tmp/" + Sha256Hex("/w/proj") + "/chats/session-1.jsonl",
                                 Line({{"sessionId", "s"},
                                       {"projectHash", Sha256Hex("/w/proj")},
                                       {"startTime", kTime},
                                       {"kind", "main"}}),
                                 Line({{"id", "1"},
                                       {"timestamp", kTime},
                                       {"type", "gemini"},
                                       {"model", "model"},
                                       {"content", ""},
                                       {"toolCalls", {{{"id", "c"}, {"name", "ls"}}}}})};
  static const Fixture qwen = {
      "qwen", ".qwen/projects/-w-proj/chats/1.jsonl",
      Line({{"uuid", "0"}, {"sessionId", "s"}, {"timestamp", kTime}, {"type", "user"}, {"cwd", "/w/proj"}}),
      Line({{"uuid", "1"},
            {"sessionId", "s"},
            {"timestamp", kTime},
            {"type", "assistant"},
            {"cwd", "/w/proj"},
            {"model", "model"},
            {"message", {{"parts", {{{"functionCall", {{"id", "c"}, {"name", "ls"}}}}}}}}})};
  return profile == "claude" ? claude : profile == "codex" ? codex : profile == "gemini" ? gemini : qwen;
}

class TranscriptFixturesTest : public ::testing::TestWithParam<const char*> {
 protected:
  TranscriptFixturesTest() {
    process_.uid = ::getuid();
    process_.start_seconds = static_cast<double>(::time(nullptr));
    process_.cwd = "/w/proj";
    process_.home = tree_.root() + "/home";
  }
  std::string Path() const { return process_.home + "/" + fixture_.path; }
  void Write(const std::string& text) const { tree_.Write("home/" + fixture_.path, text); }
  void Append(const std::string& text) const { std::ofstream(Path(), std::ios::app) << text; }
  SessionState Read(uint64_t bytes = 64 << 20) {
    const auto state = reader_->Read(process_, &bytes);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : SessionState();
  }

  const Fixture& fixture_ = FixtureOf(GetParam());
  kernel::FakeTree tree_;
  SessionProcess process_;
  std::unique_ptr<SessionReader> reader_ = MakeSessionReader(GetParam(), {});
};

TEST_P(TranscriptFixturesTest, HalfALineIsNoLine) {
  Write(fixture_.first + fixture_.turn.substr(0, fixture_.turn.size() - 2));
  SessionState state = Read();
  const auto before = state.model;
  Append(fixture_.turn.substr(fixture_.turn.size() - 2));
  state = Read();
  EXPECT_EQ(state.model, "model");
  EXPECT_EQ(state.claim, Status::kWorking);
  EXPECT_TRUE(GetParam() == std::string("codex") ||
              before == std::nullopt);  // its first line of two is whole
}

TEST_P(TranscriptFixturesTest, HostileLinesTakeNothingAway) {
  std::string nested = "{\"type\":\"assistant\",\"a\":";
  for (int i = 0; i < 100'000; ++i) nested += i % 2 == 0 ? "[" : "{\"a\":";
  Write(fixture_.first + fixture_.turn);
  ASSERT_EQ(Read().model, "model");
  Append(nested + "\n" + std::string(3 << 20, 'x') + "\n\xff\xfe\n" +
         "{\"type\":\"assistant\",\"message\":{\"usage\":" +
         "{\"input_tokens\":-5,\"output_tokens\":1e300},\"model\":7}}\n");
  const SessionState state = Read();
  EXPECT_EQ(state.model, "model");
  EXPECT_LE(state.tokens.value_or(TokenCounts()).total(), 100'000u);
}

TEST_P(TranscriptFixturesTest, LinesOfTomorrowYieldNothing) {
  std::string text = fixture_.first;
  for (const json& line : {json{{"version", 9}, {"kind", "turn"}, {"model", {{"name", "new"}}}},
                           json{{"type", "assistant"}, {"message", {{"usage", {{"tokens", 5}}}}}},
                           json{{"type", "event_msg"}, {"payload", "text"}}, json::array({1, 2}), json(7)}) {
    text += Line(line);
  }
  Write(text);
  const SessionState state = Read();
  EXPECT_EQ(state.model, std::nullopt);
  EXPECT_EQ(state.context_tokens, std::nullopt);
  EXPECT_EQ(state.tokens.value_or(TokenCounts()).total(), 0u);
}

TEST_P(TranscriptFixturesTest, ARotatedFileIsReadFromItsStart) {
  Write(fixture_.first + fixture_.turn + fixture_.turn);
  EXPECT_EQ(Read().model, "model");
  std::string other = fixture_.turn;
  for (size_t at; (at = other.find("\"model\":\"model\"")) != std::string::npos;) {
    other.replace(at, 15, "\"model\":\"other\"");
  }
  std::filesystem::rename(Path(), Path() + ".1");
  Write(fixture_.first + other);
  EXPECT_EQ(Read().model, "other");
}

TEST_P(TranscriptFixturesTest, AGigabyteIsNeitherReadNorHeld) {
  Write(fixture_.first + fixture_.turn);
  std::filesystem::resize_file(Path(), 1'200'000'000);  // a hole
  Append("\n" + fixture_.turn);
  struct rusage before = {}, after = {};
  ::getrusage(RUSAGE_SELF, &before);
  uint64_t bytes = 64 << 20;
  const auto state = reader_->Read(process_, &bytes);
  ::getrusage(RUSAGE_SELF, &after);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->model, "model");
  EXPECT_EQ(state->claim, Status::kWorking);
  EXPECT_EQ(state->tokens, std::nullopt);  // its start was not read
  EXPECT_GE(bytes, uint64_t{56} << 20);
  EXPECT_LE(after.ru_maxrss - before.ru_maxrss, 32 << 10);  // KiB
}

INSTANTIATE_TEST_SUITE_P(Agents, TranscriptFixturesTest,
                         ::testing::Values("claude", "codex", "gemini", "qwen"),
                         [](const auto& agent) { return agent.param; });

}  // namespace
}  // namespace agent_exporter::sessions

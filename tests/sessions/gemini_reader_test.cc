#include "sessions/gemini_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "sessions/json_fields.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;
using Code = absl::StatusCode;
using Status = SessionStatus;

constexpr char kTime[] = "2026-01-23T17:13:37.849Z";

std::string Json(const json& object) { return object.dump() + "\n"; }

std::string FirstLine(const std::string& cwd, const std::string& started = kTime,
                      const std::string& kind = "main") {
  return Json({{"sessionId", "s"}, {"projectHash", Sha256Hex(cwd)}, {"startTime", started}, {"kind", kind}});
}
json Message(const std::string& id, const std::string& type, const json& more = json::object()) {
  json message = {{"id", id}, {"timestamp", kTime}, {"type", type}, {"content", {{{"text", "secret"}}}}};
  message.update(more);
  return message;
}
json Tokens(uint64_t input, uint64_t cached, uint64_t output, uint64_t thoughts) {
  return {{"model", "gemini-3-pro"},
          {"tokens",
           {{"input", input}, {"output", output}, {"cached", cached}, {"thoughts", thoughts}, {"total", 1}}}};
}

class GeminiReaderTest : public ::testing::Test {
 protected:
  GeminiReaderTest() {
    process_.uid = ::getuid();
    process_.start_seconds = static_cast<double>(::time(nullptr));
    process_.cwd = "/w/proj";
    process_.home = tree_.root() + "/home";
  }
  void Write(const std::string& text, const std::string& name = "session-1.jsonl",
             const std::string& folder = Sha256Hex("/w/proj")) const {
    tree_.Write("home/.gemini/tmp/" + folder + "/chats/" + name, text);
  }
  absl::StatusOr<SessionState> Read(GeminiReader::Kind kind = GeminiReader::Kind::kGemini) const {
    GeminiReader reader(kind, {});
    uint64_t bytes = 64 << 20;
    return reader.Read(process_, &bytes);
  }
  SessionState Said(const std::string& text) const {
    Write(FirstLine("/w/proj") + text);
    const auto state = Read();
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : SessionState();
  }

  kernel::FakeTree tree_;
  SessionProcess process_;
};

TEST_F(GeminiReaderTest, ATurn) {
  EXPECT_EQ(Said("").claim, std::nullopt);
  std::string text = Json(
      {{"$set", {{"messages", {Message("0", "user", {{"content", {{{"text", "<session_context>"}}}}})}}}}});
  EXPECT_EQ(Said(text).claim, std::nullopt);  // what every session begins with
  text += Json(Message("1", "user"));
  EXPECT_EQ(Said(text).claim, Status::kWorking);
  EXPECT_EQ(Said(text + Json(Message("2", "gemini", {{"content", ""}}))).claim, std::nullopt);
  const json calls = {
      {"toolCalls", {{{"id", "c"}, {"name", "run_shell_command"}, {"args", {{"x", "secret"}}}}}}};
  SessionState state = Said(text + Json(Message("2", "gemini", calls)) + Json(Message("2", "gemini", calls)));
  EXPECT_EQ(state.claim, Status::kWorking);
  ASSERT_EQ(state.actions.size(), 1u);
  EXPECT_EQ(state.actions[0].preview, "run_shell_command");
  state = Said(text + Json(Message("3", "gemini", Tokens(1000, 200, 30, 5))));
  EXPECT_EQ(state.claim, Status::kIdle);
  EXPECT_EQ(state.model, "gemini-3-pro");
  EXPECT_EQ(state.context_tokens, 1000u);
  EXPECT_EQ(state.context_window, 1'048'576u);
  EXPECT_EQ(state.last_activity, TimeOf(kTime));
}

TEST_F(GeminiReaderTest, AMessageCountsOnceAndItsLastLineWins) {
  const SessionState state =
      Said(Json(Message("1", "gemini", Tokens(100, 0, 1, 0))) +
           Json(Message("1", "gemini", Tokens(100, 40, 30, 5))) +
           Json({{"$set", {{"messages", {Message("1", "gemini", Tokens(100, 40, 30, 5))}}}}}));
  EXPECT_EQ(state.tokens, (TokenCounts{.input = 60, .output = 30, .cache_read = 40, .reasoning = 5}));
}

TEST_F(GeminiReaderTest, ARewindLeavesTheContextUnknown) {
  const std::string text = Json(Message("1", "gemini", Tokens(100, 0, 1, 0)));
  EXPECT_EQ(Said(text).context_tokens, 100u);
  EXPECT_EQ(Said(text + Json({{"$rewindTo", "1"}})).context_tokens, std::nullopt);
}

TEST_F(GeminiReaderTest, ErrorsOfTheService) {
  const SessionState state =
      Said(Json(Message("1", "user")) + Json(Message("2", "error", {{"content", "RESOURCE_EXHAUSTED"}})));
  EXPECT_EQ(state.claim, Status::kIdle);
  ASSERT_EQ(state.errors.size(), 1u);
  EXPECT_EQ(state.errors[0].text, "status 429 RESOURCE_EXHAUSTED");
}

TEST_F(GeminiReaderTest, OnlyTheProjectOfTheProcess) {
  Write(FirstLine("/w/other"));
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Write(FirstLine("/w/proj", kTime, "subagent"));
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Write("no meta\n");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Write(FirstLine("/w/proj"));
  EXPECT_TRUE(Read().ok());
}

TEST_F(GeminiReaderTest, TheRegistryNamesTheFolder) {
  Write(FirstLine("/w/proj"), "session-1.jsonl", "proj");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  tree_.Write("home/.gemini/projects.json", R"({"projects": {"/w/proj": "proj"}})");
  EXPECT_TRUE(Read().ok());
  tree_.Write("home/.gemini/projects.json", R"({"projects": {"/w/proj": "../../../etc"}})");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(GeminiReaderTest, OfTwoInOneFolderTheOneThatBeganWithTheProcess) {
  process_.alone = false;
  Write(FirstLine("/w/proj", "2026-01-01T00:00:00Z") + Json(Message("1", "gemini", {{"model", "old"}})),
        "session-1.jsonl");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  Write(FirstLine("/w/proj", TimeText(process_.start_seconds + 3)) +
            Json(Message("1", "gemini", {{"model", "mine"}})),
        "session-2.jsonl");
  EXPECT_EQ(Read()->model, "mine");
}

TEST_F(GeminiReaderTest, AnOlderRecordingIsOneObject) {
  json whole = json::parse(FirstLine("/w/proj"));
  whole["messages"] = {Message("1", "user"), Message("2", "gemini", Tokens(100, 0, 7, 0))};
  Write(whole.dump(2), "session-1.json");
  const auto state = Read();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->tokens, (TokenCounts{.input = 100, .output = 7}));
  EXPECT_EQ(state->claim, Status::kIdle);
}

TEST_F(GeminiReaderTest, ItsHomeMayBeElsewhere) {
  tree_.Write("moved/.gemini/tmp/" + Sha256Hex("/w/proj") + "/chats/session-1.jsonl", FirstLine("/w/proj"));
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  process_.environment["GEMINI_CLI_HOME"] = tree_.root() + "/moved";
  EXPECT_TRUE(Read().ok());
}

TEST_F(GeminiReaderTest, Qwen) {
  const auto record = [](const std::string& id, const std::string& type, const json& more = json::object()) {
    json object = {
        {"uuid", id}, {"sessionId", "s"}, {"timestamp", kTime}, {"type", type}, {"cwd", "/w/proj"}};
    object.update(more);
    return Json(object);
  };
  const json call = {
      {"model", "qwen3"},
      {"contextWindowSize", 262'144},
      {"usageMetadata",
       {{"promptTokenCount", 500}, {"candidatesTokenCount", 20}, {"cachedContentTokenCount", 100}}},
      {"message",
       {{"role", "model"},
        {"parts", {{{"functionCall", {{"id", "c"}, {"name", "edit"}, {"args", {{"x", "secret"}}}}}}}}}}};
  const json result = {{"message", {{"parts", {{{"functionResponse", {{"id", "c"}, {"name", "edit"}}}}}}}}};
  std::string text = record("1", "user") + record("2", "assistant", call);
  const auto read = [&](const std::string& all) {
    tree_.Write("home/.qwen/projects/-w-proj/chats/s.jsonl", all);
    return *Read(GeminiReader::Kind::kQwen);
  };
  SessionState state = read(text);
  EXPECT_EQ(state.claim, Status::kWorking);
  EXPECT_EQ(state.tool, "edit");
  EXPECT_TRUE(state.local_tool);
  EXPECT_EQ(state.model, "qwen3");
  EXPECT_EQ(state.context_tokens, 500u);
  EXPECT_EQ(state.context_window, 262'144u);
  EXPECT_EQ(state.tokens, (TokenCounts{.input = 400, .output = 20, .cache_read = 100}));
  text += record("3", "tool_result", result);
  EXPECT_EQ(read(text).tool, std::nullopt);
  EXPECT_EQ(read(text).claim, Status::kWorking);
  EXPECT_EQ(read(text + record("4", "assistant", {{"message", {{"parts", {{{"text", "done"}}}}}}})).claim,
            Status::kIdle);
  process_.alone = false;
  EXPECT_EQ(Read(GeminiReader::Kind::kQwen).status().code(), Code::kNotFound);
}

TEST(Sha256HexTest, IsTheUsualOne) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace agent_exporter::sessions

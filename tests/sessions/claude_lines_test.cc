#include "sessions/claude_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sessions/json_fields.h"
#include "tests/sessions/transcript_builder.h"

namespace agent_exporter::sessions {
namespace {

std::optional<double> Time(const char* text) { return TimeOf(text); }

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ClaudeLinesTest : public ::testing::Test {
 protected:
  // What the lines of `text` say; half a line at its end is not taken.
  static SessionState Read(const std::string& text) {
    TokenTally tally(0);
    ClaudeLines lines(tally);
    for (size_t start = 0, end = 0; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
      lines.Take(std::string_view(text).substr(start, end - start));
    }
    return lines.State();
  }
};

TEST_F(ClaudeLinesTest, ReadsAWorkingSession) {
  const SessionState session =
      Read(Line({{"type", "summary"}, {"summary", "x"}, {"leafUuid", "y"}}) + Prompt("do it") +
           Answer({.id = "msg_1", .model = "claude-haiku", .tools = {{"Read", "t1"}}}) + ToolResult("t1") +
           Answer({.id = "msg_2", .tools = {{"Bash", "t2"}}, .timestamp = "2026-01-23T17:15:00.000Z"}));
  EXPECT_EQ(session.model, "claude-opus-4-5");
  EXPECT_EQ(session.last_activity, Time("2026-01-23T17:15:00Z"));
  EXPECT_EQ(session.tool, "Bash");
  EXPECT_EQ(session.tool_since, session.last_activity);
  EXPECT_TRUE(session.local_tool);
  EXPECT_EQ(session.claim, SessionStatus::kWorking);
  EXPECT_EQ(session.subagents, 0u);
  EXPECT_EQ(session.context_tokens, 50'000u);
  EXPECT_THAT(session.actions, ElementsAre(AgentAction{"2026-01-23T17:15:00.000Z", "Bash"},
                                           AgentAction{"2026-01-23T17:13:37.849Z", "Read"}));
}

TEST_F(ClaudeLinesTest, TellsOfWhatTheServiceRefused) {
  const auto error = [](const std::string& text, bool sidechain) {
    return Line({{"type", "assistant"},
                 {"isSidechain", sidechain},
                 {"isApiErrorMessage", true},
                 {"timestamp", "2026-01-23T17:15:00.250Z"},
                 {"message", {{"model", "<synthetic>"}, {"content", {{{"type", "text"}, {"text", text}}}}}}});
  };
  const SessionState session =
      Read(Prompt("429 in a prompt is none") + error("API Error: 529 Overloaded", false) +
           error("You've hit your limit", true));
  EXPECT_THAT(session.errors, ElementsAre(ServiceError{1769188500250, "You've hit your limit"},
                                          ServiceError{1769188500250, "API Error: 529 Overloaded"}));
  EXPECT_TRUE(
      Read(Line({{"type", "assistant"}, {"isApiErrorMessage", true}, {"timestamp", "now"}})).errors.empty());
}

TEST_F(ClaudeLinesTest, AToolEndsWithItsResult) {
  const SessionState session = Read(Answer({.tools = {{"Bash", "t1"}}}) + ToolResult("t1"));
  EXPECT_EQ(session.tool, std::nullopt);
  EXPECT_EQ(session.subagents, 0u);
  EXPECT_EQ(session.last_activity, Time("2026-01-23T17:14:00.000Z"));
}

TEST_F(ClaudeLinesTest, AToolEndsWithTheNextPrompt) {
  EXPECT_EQ(Read(Answer({.tools = {{"Bash", "t1"}}}) + Prompt("[Request interrupted by user]")).tool,
            std::nullopt);
  // Lines that Claude Code inserts itself are not prompts.
  const std::string meta = Line({{"type", "user"}, {"isMeta", true}, {"message", {{"content", "caveat"}}}});
  EXPECT_EQ(Read(Answer({.tools = {{"Bash", "t1"}}}) + meta).tool, "Bash");
}

TEST_F(ClaudeLinesTest, OfSeveralToolsTheNewestWithoutResult) {
  const std::string asked = Answer({.tools = {{"Read", "t1"}}}) + Answer({.tools = {{"Bash", "t2"}}}) +
                            Answer({.tools = {{"Grep", "t3"}}});
  EXPECT_EQ(Read(asked).tool, "Grep");
  EXPECT_EQ(Read(asked + ToolResult("t3")).tool, "Bash");
  EXPECT_EQ(Read(asked + ToolResult("t3") + ToolResult("t1")).tool, "Bash");
}

TEST_F(ClaudeLinesTest, CountsRunningSubagents) {
  const std::string asked =
      Prompt("go") + Answer({.tools = {{"Task", "t1"}, {"Task", "t2"}, {"Agent", "t3"}, {"Bash", "t4"}}});
  EXPECT_EQ(Read(asked).subagents, 3u);
  EXPECT_EQ(Read(asked + ToolResult("t2")).subagents, 2u);
  EXPECT_EQ(Read(asked + ToolResult("t1") + ToolResult("t2") + ToolResult("t3")).subagents, 0u);
}

TEST_F(ClaudeLinesTest, IgnoresLinesOfSubagents) {
  const SessionState session = Read(Answer({.id = "m1", .tools = {{"Task", "t1"}}}) +
                                    Answer({.id = "m2",
                                            .model = "claude-haiku",
                                            .input = 1,
                                            .tools = {{"Bash", "s1"}},
                                            .sidechain = true,
                                            .timestamp = "2026-01-23T18:00:00.000Z"}));
  EXPECT_EQ(session.model, "claude-opus-4-5");
  EXPECT_EQ(session.context_tokens, 50'000u);
  EXPECT_EQ(session.tool, "Task");
  EXPECT_EQ(session.subagents, 1u);
  EXPECT_EQ(session.last_activity, Time("2026-01-23T18:00:00.000Z"));  // but they are activity
}

TEST_F(ClaudeLinesTest, ToolsOfEarlierAnswersHaveEnded) {
  const SessionState session =
      Read(Answer({.id = "m1", .tools = {{"Task", "lost"}}}) + Answer({.id = "m2", .tools = {}}));
  EXPECT_EQ(session.tool, std::nullopt);
  EXPECT_EQ(session.subagents, 0u);
}

TEST_F(ClaudeLinesTest, ACompactionEmptiesTheContext) {
  const std::string boundary =
      Line({{"type", "system"}, {"subtype", "compact_boundary"}, {"timestamp", "2026-01-23T19:00:00.000Z"}});
  const SessionState compacted = Read(Answer({.tools = {{"Bash", "t1"}}}) + boundary);
  EXPECT_EQ(compacted.context_tokens, std::nullopt);
  EXPECT_EQ(compacted.tool, std::nullopt);
  EXPECT_EQ(compacted.model, "claude-opus-4-5");
  EXPECT_EQ(Read(Answer({}) + boundary + Answer({.id = "m2", .cache_read = 0})).context_tokens, 10'000u);
}

TEST_F(ClaudeLinesTest, ErrorMessagesAreNotAnswers) {
  const SessionState session =
      Read(Answer({}) + Answer({.id = "m2", .model = "<synthetic>", .input = 0, .cache_read = 0}));
  EXPECT_EQ(session.model, "claude-opus-4-5");
  EXPECT_EQ(session.context_tokens, 50'000u);
}

// A malformed line may have contained anything, so older lines must not pass for the newest.
TEST_F(ClaudeLinesTest, AMalformedLineMayHaveSaidTheOpposite) {
  const std::string before = Prompt("go") + Answer({.tools = {{"Task", "t1"}}});
  const std::string after = Line({{"type", "progress"}, {"timestamp", "2026-01-23T20:00:00.000Z"}});
  const std::string broken[] = {"{\"type\": \n", "[]\n", "\xff\xfe\n",
                                "{\"a\": " + std::string(100'000, '[') + "\n"};
  for (const std::string& line : broken) {
    const SessionState session = Read(before + line + after);
    EXPECT_EQ(session, SessionState({.model = "claude-opus-4-5",
                                     .last_activity = Time("2026-01-23T20:00:00Z"),
                                     .actions = {{"2026-01-23T17:13:37.849Z", "Task"}}}))
        << line.substr(0, 20);
  }
}

TEST_F(ClaudeLinesTest, AnIncompleteLastLineIsIgnored) {
  const std::string next = Answer({.id = "m2", .model = "claude-haiku"});
  const SessionState session = Read(Answer({.tools = {{"Bash", "t1"}}}) + next.substr(0, next.size() / 2));
  EXPECT_EQ(session.model, "claude-opus-4-5");
  EXPECT_EQ(session.tool, "Bash");
}

TEST_F(ClaudeLinesTest, AnUnknownShapeYieldsNothing) {
  auto with = [](const char* pointer, const nlohmann::json& value) {
    nlohmann::json line = AnswerJson({.tools = {{"Bash", "t1"}}});
    line[nlohmann::json::json_pointer(pointer)] = value;
    return Line(line);
  };
  EXPECT_EQ(Read(with("/message", "text")).model, std::nullopt);
  EXPECT_EQ(Read(with("/message/model", 5)).model, std::nullopt);
  EXPECT_EQ(Read(with("/message/usage", "many")).context_tokens, std::nullopt);
  EXPECT_EQ(Read(with("/message/usage/input_tokens", -5)).context_tokens, std::nullopt);
  EXPECT_EQ(Read(with("/message/usage/input_tokens", 1.5)).context_tokens, std::nullopt);
  EXPECT_EQ(Read(with("/message/usage/cache_read_input_tokens", 1e300)).context_tokens, std::nullopt);
  EXPECT_EQ(Read(with("/message/usage/cache_read_input_tokens", UINT64_MAX)).context_tokens, std::nullopt);
  EXPECT_EQ(Read(with("/message/content", 7)).tool, std::nullopt);
  EXPECT_EQ(Read(with("/message/content/1/name", nullptr)).tool, std::nullopt);
  EXPECT_EQ(Read(with("/message/content/1/id", 9)).tool, std::nullopt);
  EXPECT_EQ(Read(with("/message/content/1", "x")).tool, std::nullopt);
  for (const nlohmann::json& time :
       {nlohmann::json("yesterday"), nlohmann::json(1769188459986), nlohmann::json("2026-01-23T17:13:37.849"),
        nlohmann::json("2026-01-23T17:13:37.849Zx")}) {
    EXPECT_EQ(Read(with("/timestamp", time)).last_activity, std::nullopt) << time;
  }
  EXPECT_EQ(Read("").subagents, std::nullopt);
  EXPECT_EQ(Read("{}\n{\"type\":\"assistant\"}\n").subagents, std::nullopt);
}

TEST_F(ClaudeLinesTest, CountsTokensOfVersionsWithoutCaches) {
  nlohmann::json line = AnswerJson({});
  line["message"]["usage"] = {{"input_tokens", 123}};
  EXPECT_EQ(Read(Line(line)).context_tokens, 123u);
}

TEST_F(ClaudeLinesTest, KeepsNoTextAndLimitsNames) {
  std::string text;
  for (int i = 0; i < 30; ++i) {
    text += Answer(
        {.id = "m" + std::to_string(i), .tools = {{"T" + std::to_string(i), "t" + std::to_string(i)}}});
  }
  const SessionState session =
      Read(text +
           Answer({.id = "last", .model = std::string(5000, 'm'), .tools = {{std::string(5000, 'n'), "t"}}}));
  EXPECT_EQ(session.actions.size(), kMostActions);
  EXPECT_EQ(session.actions.at(1).preview, "T29");
  EXPECT_EQ(session.model->size(), 128u);
  EXPECT_EQ(session.tool->size(), 128u);
}

// What an answer and its tools say of the turn.
TEST_F(ClaudeLinesTest, TellsWhoseTurnItIs) {
  const auto claim = [](const std::string& text) { return Read(text).claim; };
  EXPECT_EQ(claim(Prompt("go")), SessionStatus::kWorking);
  EXPECT_EQ(claim(Prompt("go") + Answer({.stop = "end_turn"})), SessionStatus::kIdle);
  EXPECT_EQ(claim(Prompt("go") + Answer({})), std::nullopt);  // versions that never say that it ended
  EXPECT_EQ(claim(Answer({.tools = {{"Bash", "t1"}}}) + ToolResult("t1")), SessionStatus::kWorking);
  EXPECT_EQ(claim(Prompt("go") + Prompt("[Request interrupted by user]")), SessionStatus::kIdle);
  EXPECT_EQ(claim(Answer({.stop = "end_turn"}) + Prompt("<command-name>/cost</command-name>")),
            SessionStatus::kIdle);
  EXPECT_EQ(claim(Prompt("go") + Answer({.model = "<synthetic>"})), SessionStatus::kIdle);
  EXPECT_EQ(claim(Prompt("go") + "{\n"), std::nullopt);
  const SessionState asking = Read(Answer({.tools = {{"AskUserQuestion", "t1"}}}));
  EXPECT_EQ(asking.claim, SessionStatus::kWaiting);
  EXPECT_EQ(asking.waiting_for, "question");
  EXPECT_EQ(Read(Answer({.tools = {{"ExitPlanMode", "t1"}}})).waiting_for, "plan");
}

TEST(ClaudeProjectFoldersTest, ReplaceEverythingButLettersAndDigits) {
  EXPECT_THAT(ClaudeProjectFolders("/home/dev/app"), ElementsAre("-home-dev-app"));
  EXPECT_THAT(ClaudeProjectFolders("/home/dev/my_app.v2"),
              ElementsAre("-home-dev-my-app-v2", "-home-dev-my_app-v2"));
  EXPECT_THAT(ClaudeProjectFolders("/a b/../../etc"), ElementsAre("-a-b-------etc", "-a b-------etc"));
}

}  // namespace
}  // namespace agent_exporter::sessions

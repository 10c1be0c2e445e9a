#include "sessions/codex_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
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

constexpr char kDay[] = "2026/01/23";

std::string Rollout(const std::string& type, const json& payload, const std::string& time = "17:13:37.849") {
  return json{{"timestamp", "2026-01-23T" + time + "Z"}, {"type", type}, {"payload", payload}}.dump() + "\n";
}
std::string Event(const std::string& type, const json& more = json::object(),
                  const std::string& time = "17:13:37.849") {
  json payload = {{"type", type}};
  payload.update(more);
  return Rollout("event_msg", payload, time);
}
std::string RolloutMeta(const std::string& cwd, const json& source = "cli") {
  return Rollout(
      "session_meta",
      {{"id", "u"}, {"cwd", cwd}, {"source", source}, {"base_instructions", std::string(25'000, 'x')}},
      "17:00:00.000");
}
std::string Turn(const std::string& model) {
  return Rollout("turn_context", {{"model", model}, {"cwd", "/secret"}}) + Event("task_started");
}
std::string Call(const std::string& name, const std::string& id) {
  return Rollout(
      "response_item",
      {{"type", "function_call"}, {"name", name}, {"call_id", id}, {"arguments", "secret argument"}});
}
std::string Output(const std::string& id) {
  return Rollout("response_item", {{"type", "function_call_output"}, {"call_id", id}, {"output", "secret"}});
}
json Usage(uint64_t input, uint64_t cached, uint64_t output, uint64_t reasoning) {
  return {{"input_tokens", input},
          {"cached_input_tokens", cached},
          {"output_tokens", output},
          {"reasoning_output_tokens", reasoning},
          {"total_tokens", input + output}};
}
std::string Count(const json& total, const json& last, const std::string& time = "17:13:40.000") {
  return Event(
      "token_count",
      {{"info",
        {{"total_token_usage", total}, {"last_token_usage", last}, {"model_context_window", 272'000}}}},
      time);
}

class CodexReaderTest : public ::testing::Test {
 protected:
  CodexReaderTest() {
    process_.uid = ::getuid();
    process_.start_seconds = static_cast<double>(::time(nullptr));
    process_.cwd = "/w/proj";
    process_.home = tree_.root() + "/home";
  }
  std::string Path(const std::string& name) const {
    return "home/.codex/sessions/" + std::string(kDay) + "/rollout-" + name + ".jsonl";
  }
  void Write(const std::string& name, const std::string& text) const { tree_.Write(Path(name), text); }
  void Hold(const std::string& name) { process_.held.push_back(tree_.root() + "/" + Path(name)); }
  absl::StatusOr<SessionState> Read(CodexReader& reader) const {
    uint64_t bytes = 64 << 20;
    reader.WantsHeld();
    return reader.Read(process_, &bytes);
  }
  absl::StatusOr<SessionState> Read() { return Read(reader_); }
  // What a rollout of these lines says.
  SessionState Said(const std::string& text) {
    Write("s", RolloutMeta("/w/proj") + text);
    CodexReader reader((ReaderOptions()));
    const auto state = Read(reader);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : SessionState();
  }

  kernel::FakeTree tree_;
  SessionProcess process_;
  CodexReader reader_{ReaderOptions()};
};

TEST_F(CodexReaderTest, ATurn) {
  EXPECT_EQ(Said("").claim, std::nullopt);
  std::string text = Turn("gpt-5");
  EXPECT_EQ(Said(text).claim, Status::kWorking);
  text += Call("exec_command", "c1");
  Hold("s");
  SessionState state = Said(text);
  EXPECT_EQ(state.model, "gpt-5");
  EXPECT_EQ(state.tool, "exec_command");
  EXPECT_EQ(state.tool_since, TimeOf("2026-01-23T17:13:37.849Z"));
  EXPECT_TRUE(state.local_tool);
  text += Output("c1");
  EXPECT_EQ(Said(text).tool, std::nullopt);
  EXPECT_EQ(Said(text + Call("web_search", "c2")).local_tool, false);
  EXPECT_EQ(Said(text + Event("task_complete")).claim, Status::kIdle);
  EXPECT_EQ(Said(text + Event("turn_aborted")).claim, Status::kIdle);
  state = Said(text + Call("request_user_input", "c3"));
  EXPECT_EQ(state.claim, Status::kWaiting);
  EXPECT_EQ(state.waiting_for, "question");
  EXPECT_EQ(Said(text + "{broken\n").claim, std::nullopt);
}

TEST_F(CodexReaderTest, EachTokenCountsInOneType) {
  const SessionState state =
      Said(Turn("gpt-5") + Count(Usage(1000, 600, 100, 40), Usage(1000, 600, 100, 40)) +
           Count(Usage(3000, 2000, 150, 50), Usage(2000, 1400, 50, 10)) +
           Count(Usage(3000, 2000, 150, 50), Usage(2000, 1400, 50, 10)));
  EXPECT_EQ(state.tokens, (TokenCounts{.input = 1000, .output = 100, .cache_read = 2000, .reasoning = 50}));
  EXPECT_EQ(state.fresh, (TokensByModel{{"gpt-5", *state.tokens}}));
  EXPECT_EQ(state.context_tokens, 2050u);
  EXPECT_EQ(state.context_window, 272'000u);
}

TEST_F(CodexReaderTest, WhatAForkCopiedIsNotItsOwn) {
  const SessionState state = Said(RolloutMeta("/parent's") + Turn("gpt-5") +
                                  Count(Usage(1000, 0, 100, 0), Usage(1000, 0, 100, 0), "17:00:00.900") +
                                  Count(Usage(1500, 0, 110, 0), Usage(500, 0, 10, 0)));
  EXPECT_EQ(state.tokens, (TokenCounts{.input = 500, .output = 10}));
}

TEST_F(CodexReaderTest, TokensAreTheModelsThatUsedThem) {
  EXPECT_EQ(Said(Turn("one") + Count(Usage(10, 0, 1, 0), Usage(10, 0, 1, 0)) + Turn("two") +
                 Count(Usage(30, 0, 3, 0), Usage(20, 0, 2, 0)))
                .fresh,
            (TokensByModel{{"one", {.input = 10, .output = 1}}, {"two", {.input = 20, .output = 2}}}));
}

TEST_F(CodexReaderTest, ACompactionEmptiesTheContext) {
  const std::string full = Turn("m") + Count(Usage(10, 0, 1, 0), Usage(10, 0, 1, 0));
  EXPECT_EQ(Said(full).context_tokens, 11u);
  EXPECT_EQ(Said(full + Rollout("compacted", {{"message", "secret"}})).context_tokens, std::nullopt);
  EXPECT_EQ(Said(full + Event("context_compacted")).context_tokens, std::nullopt);
}

TEST_F(CodexReaderTest, PlanLimitsGoByTheirWindows) {
  const auto limits = [this](const json& rate_limits) {
    return Said(Event("token_count", {{"info", nullptr}, {"rate_limits", rate_limits}})).limits;
  };
  const double told = *TimeOf("2026-01-23T17:13:37.849Z");
  EXPECT_EQ(
      limits({{"primary", {{"used_percent", 12.5}, {"window_minutes", 10080}, {"resets_at", 1'800'000'000}}},
              {"secondary", {{"used_percent", 100}, {"window_minutes", 300}, {"resets_in_seconds", 60}}}}),
      (std::vector<PlanLimit>{{"7d", 0.125, 1'800'000'000, told}, {"5h", 1, told + 60, told}}));
  EXPECT_TRUE(limits({{"primary", nullptr}, {"secondary", {{"used_percent", 5}}}}).empty());
  EXPECT_TRUE(limits({{"limit_id", "one-model"}, {"primary", {{"used_percent", 5}, {"window_minutes", 300}}}})
                  .empty());
  EXPECT_EQ(WindowName(90), "90m");
}

TEST_F(CodexReaderTest, TheRolloutThatItsTreeHoldsOpen) {
  Write("a", RolloutMeta("/elsewhere") + Turn("held"));
  Write("b", RolloutMeta("/w/proj") + Turn("newer, of another"));
  EXPECT_EQ(Read()->model, "newer, of another");
  process_.alone = false;
  CodexReader other((ReaderOptions()));
  EXPECT_EQ(Read(other).status().code(), Code::kNotFound);
  Hold("a");
  EXPECT_EQ(Read(other)->model, "held");
  process_.held = {"/etc/sessions/../../passwd", tree_.root() + "/home/.codex/sessions/x/rollout-a.jsonl"};
  CodexReader third((ReaderOptions()));
  EXPECT_EQ(Read(third).status().code(), Code::kNotFound);
}

TEST_F(CodexReaderTest, ADaemonHoldsThoseOfOthersToo) {
  Write("a", RolloutMeta("/w/proj") + Turn("mine"));
  Write("b", RolloutMeta("/w/other") + Turn("another's"));
  Hold("b");
  Hold("a");
  process_.alone = false;
  EXPECT_EQ(Read().status().code(), Code::kOk);
  EXPECT_EQ(Read()->model, "mine");
}

TEST_F(CodexReaderTest, SubagentsCountWithTheirSession) {
  Write("a", RolloutMeta("/w/proj") + Turn("m") + Count(Usage(10, 0, 1, 0), Usage(10, 0, 1, 0)));
  Write("b", RolloutMeta("/w/proj", {{"subagent", "review"}}) + Turn("small") +
                 Count(Usage(5, 0, 1, 0), Usage(5, 0, 1, 0)));
  Hold("a");
  Hold("b");
  const auto state = Read();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->model, "m");
  EXPECT_EQ(state->subagents, 1u);
  EXPECT_EQ(state->fresh.size(), 2u);
}

TEST_F(CodexReaderTest, OnlySinceTheProcessStarted) {
  Write("a", RolloutMeta("/w/proj") + Turn("m"));
  std::filesystem::last_write_time(tree_.root() + "/" + Path("a"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::seconds(60));
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
}

TEST_F(CodexReaderTest, FollowsWhatIsAppended) {
  Write("a", RolloutMeta("/w/proj") + Turn("one"));
  EXPECT_EQ(Read()->model, "one");
  std::ofstream(tree_.root() + "/" + Path("a"), std::ios::app) << Turn("two");
  EXPECT_EQ(Read()->model, "two");
}

TEST_F(CodexReaderTest, ItsHomeMayBeElsewhere) {
  Write("a", RolloutMeta("/w/proj") + Turn("m"));
  std::filesystem::rename(tree_.root() + "/home/.codex", tree_.root() + "/moved");
  EXPECT_EQ(Read().status().code(), Code::kNotFound);
  process_.environment["CODEX_HOME"] = tree_.root() + "/moved";
  EXPECT_EQ(Read()->model, "m");
}

TEST_F(CodexReaderTest, AnUnknownShapeYieldsNothing) {
  for (const std::string& line :
       {Rollout("event_msg", "text"), Rollout("event_msg", {{"type", 5}}),
        Event("token_count", {{"info", 7}}), Event("token_count", {{"rate_limits", {{"primary", "full"}}}}),
        Count("many", "few"), Count(Usage(1, 5, 1, 0), nullptr),
        Rollout("response_item", {{"type", "function_call"}, {"name", {}}}), std::string("[]\n{}\n")}) {
    const SessionState state = Said(line);
    EXPECT_EQ(state.tokens.value_or(TokenCounts()), TokenCounts()) << line;
    EXPECT_EQ(state.tool, std::nullopt) << line;
    EXPECT_TRUE(state.limits.empty()) << line;
  }
}

}  // namespace
}  // namespace agent_exporter::sessions

#include "sessions/session_collectable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "formats/formats.h"
#include "sessions/session_json.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const SessionsView& view) {
  const auto shared = std::make_shared<const SessionsView>(view);
  std::string text;
  formats::Serialize(formats::Format::kText, SessionCollectable([shared] { return shared; }).Collect(),
                     &text);
  return text;
}

Session Working(const std::string& name) {
  Session session{.agent = "claude", .kind = "coder", .name = name, .key = {7, 1}};
  session.state = {.model = "m",
                   .tool = "Bash",
                   .last_activity = 1000,
                   .subagents = 1,
                   .context_tokens = 50'000,
                   .context_window = 200'000,
                   .tokens = TokenCounts{.input = 1, .output = 2}};
  session.status = SessionStatus::kWorking;
  session.status_since = 60;
  session.resident_bytes = 100;
  session.cpu_ratio = 0.5;
  return session;
}

TEST(SessionCollectableTest, ShowsASession) {
  const std::string text = Text({.sessions = {Working("web")}});
  const std::string labels = "{agent=\"claude\",kind=\"coder\",session=\"web\"";
  EXPECT_THAT(text, HasSubstr("agent_session_info" + labels + ",pid=\"7\",model=\"m\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_state" + labels + ",state=\"working\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_context_ratio" + labels + "} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_last_activity_timestamp_seconds" + labels + "} 1000\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_subagents" + labels + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_resident_memory_bytes" + labels + "} 100\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_cpu_usage_ratio" + labels + "} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("agent_sessions{agent=\"claude\",kind=\"coder\",state=\"working\"} 1\n"));
}

TEST(SessionCollectableTest, WhatIsUnknownIsAbsent) {
  Session unknown{.agent = "claude", .name = "web"};
  EXPECT_THAT(Text({.sessions = {unknown}}), Not(HasSubstr("state=")));
  EXPECT_THAT(Text({.sessions = {unknown}}), Not(HasSubstr("model=")));
  EXPECT_EQ(SessionJson(unknown).dump(), R"({"session":"web","pid":0,"cpu_usage_ratio":0.0})");
}

TEST(SessionCollectableTest, OfAnEndedOneOnlyThatItEnded) {
  Session ended = Working("web");
  ended.status = SessionStatus::kEnded;
  const std::string text = Text({.sessions = {ended}});
  EXPECT_THAT(
      text,
      HasSubstr("agent_session_state{agent=\"claude\",kind=\"coder\",session=\"web\",state=\"ended\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("agent_session_info")));
}

TEST(SessionCollectableTest, OthersAreAddedUp) {
  const std::string text = Text({.sessions = {Working("other"), Working("other")}});
  const std::string labels = "{agent=\"claude\",kind=\"coder\",session=\"other\"}";
  EXPECT_THAT(text, HasSubstr("agent_session_resident_memory_bytes" + labels + " 200\n"));
  EXPECT_THAT(text, HasSubstr("agent_session_cpu_usage_ratio" + labels + " 1\n"));
  EXPECT_THAT(text, HasSubstr("agent_sessions{agent=\"claude\",kind=\"coder\",state=\"working\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("agent_session_state{")));
}

TEST(SessionCollectableTest, TokensAndLimits) {
  SessionsView view;
  view.tokens[{{"claude", "", ""}, "m"}] = {.input = 5, .reasoning = 3};
  view.limits = {{.agent = "claude", .limit = {"5h", 0.5, 2000, 1000}},
                 {.agent = "codex", .limit = {"7d", 1.0}}};
  view.reads[{"claude", "ok"}] = 9;
  const std::string text = Text(view);
  EXPECT_THAT(text, HasSubstr("agent_tokens_total{agent=\"claude\",model=\"m\",type=\"input\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("agent_tokens_total{agent=\"claude\",model=\"m\",type=\"reasoning\"} 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("type=\"output\"")));
  EXPECT_THAT(text, HasSubstr("agent_plan_limit_used_ratio{agent=\"claude\",window=\"5h\"} 0.5\n"));
  EXPECT_THAT(text,
              HasSubstr("agent_plan_limit_reset_timestamp_seconds{agent=\"claude\",window=\"5h\"} 2000\n"));
  EXPECT_THAT(text, Not(HasSubstr("agent_plan_limit_reset_timestamp_seconds{agent=\"codex\"")));
  EXPECT_THAT(text, HasSubstr("agent_exporter_session_reads_total{reader=\"claude\",result=\"ok\"} 9\n"));
}

TEST(SessionJsonTest, ASession) {
  EXPECT_EQ(SessionJson(Working("web")).dump(),
            R"({"session":"web","pid":7,"state":"working","state_since":"1970-01-01T00:01:00Z","model":"m",)"
            R"("context_ratio":0.25,"last_activity":"1970-01-01T00:16:40Z","tool":"Bash","subagents":1,)"
            R"("tokens":{"input":1,"output":2,"cache_read":0,"cache_creation":0,"reasoning":0},)"
            R"("resident_memory_bytes":100,"cpu_usage_ratio":0.5})");
}

}  // namespace
}  // namespace agent_exporter::sessions

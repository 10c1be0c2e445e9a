#include "run/session_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::run {
namespace {

using ::testing::ElementsAre;

sessions::Session Of(uid_t uid, const std::string& name, std::optional<sessions::SessionStatus> status) {
  sessions::Session session{.agent = "claude", .name = name, .uid = uid};
  session.status = status;
  return session;
}

TEST(SessionClientTest, EachUserGetsTheirOwn) {
  using Status = sessions::SessionStatus;
  const sessions::SessionsView view{.sessions = {Of(1000, "web", Status::kWaiting),
                                                 Of(1001, "api", Status::kStuck),
                                                 Of(1000, "new", std::nullopt)}};
  const SessionNote web{"claude", "web", "waiting"}, api{"claude", "api", "stuck"};
  EXPECT_THAT(*ParseSessionsReply(SessionsReplyLine(view, 1000)), ElementsAre(web));
  EXPECT_THAT(*ParseSessionsReply(SessionsReplyLine(view, 1001)), ElementsAre(api));
  EXPECT_THAT(*ParseSessionsReply(SessionsReplyLine(view, 0)), ElementsAre(web, api));
  EXPECT_THAT(*ParseSessionsReply(SessionsReplyLine(view, 1002)), ElementsAre());
}

TEST(SessionClientTest, TheLine) {
  const auto line = [](std::vector<std::pair<const char*, const char*>> sessions) {
    std::vector<SessionNote> notes;
    for (const auto& [name, state] : sessions) notes.push_back({"claude", name, state});
    return SessionsLine(notes);
  };
  EXPECT_EQ(line({}), "");
  EXPECT_EQ(line({{"a", "idle"}, {"b", "idle"}, {"c", "ended"}}), "2 idle");
  EXPECT_EQ(line({{"a", "working"}, {"b", "working"}, {"webshop", "waiting"}, {"d", "stuck"}, {"e", "idle"}}),
            "2 working · 1 waits: webshop · 1 stuck: d");
  EXPECT_EQ(line({{"a", "waiting"}, {"b", "waiting"}, {"c", "waiting"}, {"d", "waiting"}}),
            "4 wait: a, b, c …");
}

TEST(SessionClientTest, RefusesOtherMessages) {
  EXPECT_TRUE(IsSessionsRequest(SessionsRequestLine()));
  EXPECT_FALSE(IsSessionsRequest("{\"watch\": {}}"));
  EXPECT_FALSE(IsSessionsRequest("{"));
  for (const char* text : {"", "{", "[]", "{\"error\": \"no\"}", "{\"sessions\": 5}", "{\"sessions\": [{}]}",
                           "{\"sessions\": [{\"agent\": 1, \"session\": \"a\", \"state\": \"b\"}]}"}) {
    EXPECT_EQ(ParseSessionsReply(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(SessionClientTest, WithoutAServeThereIsNone) {
  EXPECT_EQ(AskForSessions("/nonexistent/run.sock").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace agent_exporter::run

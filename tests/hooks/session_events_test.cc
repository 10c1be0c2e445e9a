#include "hooks/session_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace agent_exporter::hooks {
namespace {

using sessions::Session;
using sessions::SessionStatus;
using sessions::SessionsView;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Session In(std::optional<SessionStatus> status, const std::string& name = "web", pid_t pid = 7) {
  Session session{.agent = "claude", .kind = "coder", .name = name, .key = {pid, 1}};
  session.status = status;
  session.status_since = 60;
  if (status == SessionStatus::kWaiting) session.state.waiting_for = "question";
  return session;
}

std::vector<HookEvent> Told(const std::vector<Session>& before, const std::vector<Session>& now) {
  std::vector<HookEvent> events;
  TellSessionEvents({.sessions = before}, {.sessions = now},
                    [&events](const HookEvent& event) { events.push_back(event); });
  return events;
}

TEST(SessionEventsTest, TellsOfAWaitOnce) {
  const auto events = Told({In(SessionStatus::kWorking)}, {In(SessionStatus::kWaiting)});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].on, kOnWaiting);
  EXPECT_EQ(events[0].agent, "claude");
  EXPECT_EQ(events[0].timestamp, "1970-01-01T00:01:00Z");
  EXPECT_EQ(events[0].details.dump(),
            R"({"kind":"coder","message":"claude web waits for you: question","pid":7,"session":"web",)"
            R"("waiting_for":"question"})");
  EXPECT_THAT(events[0].environment,
              ElementsAre(Pair("AGENT_EXPORTER_MESSAGE", "claude web waits for you: question"),
                          Pair("AGENT_EXPORTER_SESSION", "web")));
  EXPECT_THAT(Told({In(SessionStatus::kWaiting)}, {In(SessionStatus::kWaiting)}), IsEmpty());
}

TEST(SessionEventsTest, TellsOfAStuckSession) {
  const auto events = Told({In(std::nullopt)}, {In(SessionStatus::kStuck)});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].on, kOnStuck);
  EXPECT_EQ(events[0].details["message"], "claude web is stuck");
}

TEST(SessionEventsTest, OtherStatesAreNoEvent) {
  for (const auto status : {SessionStatus::kWorking, SessionStatus::kIdle, SessionStatus::kEnded}) {
    EXPECT_THAT(Told({In(SessionStatus::kWaiting)}, {In(status)}), IsEmpty());
  }
}

TEST(SessionEventsTest, WhatWaitedBeforeTheExporterStartedIsNoNews) {
  EXPECT_THAT(Told({}, {In(SessionStatus::kWaiting)}), IsEmpty());
  EXPECT_EQ(Told({In(SessionStatus::kIdle, "other", 8)}, {In(SessionStatus::kWaiting)}).size(), 1u);
}

}  // namespace
}  // namespace agent_exporter::hooks

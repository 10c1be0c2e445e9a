#include "sessions/session_activity.h"

#include <gtest/gtest.h>

namespace agent_exporter::sessions {
namespace {

using Status = SessionStatus;

constexpr double kWall = 1'700'000'000;

// One session, looked at every five seconds.
class SessionActivityTest : public ::testing::Test {
 protected:
  std::optional<Status> Look(double seconds = 5) {
    now_ += seconds;
    return activity_.Judge(state_, tree_, now_, kWall + now_);
  }
  SessionActivity activity_;
  SessionState state_;
  SessionTree tree_;
  double now_ = 1000;
};

TEST_F(SessionActivityTest, TheFilesWordCounts) {
  for (const Status claim : {Status::kWorking, Status::kWaiting, Status::kIdle}) {
    state_.claim = claim;
    EXPECT_EQ(Look(), claim);
  }
  tree_.cpu_ratio = 1;  // in the background
  EXPECT_EQ(Look(), Status::kIdle);
}

TEST_F(SessionActivityTest, WithoutAWordWhatMoves) {
  EXPECT_EQ(Look(), std::nullopt);
  state_.progress = 1;
  EXPECT_EQ(Look(), Status::kWorking);
  EXPECT_EQ(Look(), Status::kWorking);
  EXPECT_EQ(Look(), std::nullopt);
  tree_.cpu_ratio = 0.5;
  EXPECT_EQ(Look(), Status::kWorking);
}

TEST_F(SessionActivityTest, StuckOnceNothingMovedForTenMinutes) {
  state_.claim = Status::kWorking;
  Look();
  EXPECT_EQ(Look(599), Status::kWorking);
  EXPECT_EQ(Look(1), Status::kStuck);
  tree_.cpu_ratio = 0.1;
  EXPECT_EQ(Look(), Status::kWorking);
  tree_.cpu_ratio = 0;
  EXPECT_EQ(Look(600), Status::kStuck);
  state_.progress = 1;
  EXPECT_EQ(Look(), Status::kWorking);
  EXPECT_EQ(Look(600), Status::kStuck);
  state_.last_activity = kWall + now_;
  tree_.newest_child = kWall + now_ + 1;
  EXPECT_EQ(Look(600), Status::kWorking);  // a build that waits for the network
  tree_.newest_child = kWall - 1000;       // a server that it started long ago
  EXPECT_EQ(Look(600), Status::kStuck);
  state_.claim = Status::kIdle;
  EXPECT_EQ(Look(600), Status::kIdle);
}

// Gemini writes a tool call down when it has ended.
TEST_F(SessionActivityTest, AProcessThatStartedSinceTheTurnEndedIsWork) {
  state_.claim = Status::kIdle;
  state_.last_activity = kWall + now_;
  tree_.newest_child = kWall;
  EXPECT_EQ(Look(), Status::kIdle);
  tree_.newest_child = kWall + now_ + 1;
  EXPECT_EQ(Look(), Status::kWorking);
  state_.settled = true;
  EXPECT_EQ(Look(), Status::kIdle);
}

TEST_F(SessionActivityTest, AStoppedProcessThatClaimsToWorkIsStuckAtOnce) {
  state_.claim = Status::kWorking;
  Look();
  tree_.stopped = true;
  EXPECT_EQ(Look(), Status::kStuck);
  tree_.stopped = false;
  EXPECT_EQ(Look(), Status::kWorking);
  tree_.stopped = true;
  state_.claim = Status::kIdle;
  EXPECT_EQ(Look(), Status::kIdle);
}

TEST_F(SessionActivityTest, ACommandWithoutAProcessWaitsForItsUser) {
  state_.claim = Status::kWorking;
  state_.local_tool = true;
  state_.tool_since = kWall + now_ + 5;
  EXPECT_EQ(Look(), Status::kWorking);
  tree_.newest_child = kWall;  // from before the call
  EXPECT_EQ(Look(), Status::kWaiting);
  tree_.newest_child = *state_.tool_since + 3;
  EXPECT_EQ(Look(), Status::kWorking);
  tree_.newest_child.reset();
  state_.settled = true;  // the agent says itself that it is busy
  EXPECT_EQ(Look(), Status::kWorking);
  state_.settled = false;
  state_.local_tool = false;  // a web search, say
  EXPECT_EQ(Look(), Status::kWorking);
}

}  // namespace
}  // namespace agent_exporter::sessions

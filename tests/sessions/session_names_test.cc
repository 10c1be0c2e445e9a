#include "sessions/session_names.h"

#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::sessions {
namespace {

TEST(SessionNamesTest, TheLastPartOfTheFolderAndANumberWhereTwoAreAlike) {
  SessionNames names;
  EXPECT_EQ(names.Give({1, 10}, "claude", "/home/u/proj"), "proj");
  EXPECT_EQ(names.Give({2, 11}, "claude", "/srv/proj"), "proj-2");
  EXPECT_EQ(names.Give({3, 12}, "claude", "proj"), "proj-3");
  EXPECT_EQ(names.Give({4, 13}, "codex", "/home/u/proj"), "proj") << "another agent's";
  EXPECT_EQ(*names.Find({2, 11}), "proj-2");
  EXPECT_EQ(names.Find({2, 12}), nullptr) << "the pid of a stranger";
}

TEST(SessionNamesTest, AnEndedSessionsNameIsFree) {
  SessionNames names;
  names.Give({1, 10}, "claude", "/a/proj");
  names.Give({2, 11}, "claude", "/a/proj");
  names.Forget({1, 10});
  names.Forget({7, 70});
  EXPECT_EQ(*names.Find({2, 11}), "proj-2") << "a session keeps its name";
  EXPECT_EQ(names.Give({3, 12}, "claude", "/a/proj"), "proj");
}

TEST(SessionNamesTest, WhatNobodyCanReadIsTheAgentsName) {
  SessionNames names;
  EXPECT_EQ(names.Give({1, 1}, "claude", ""), "claude");
  EXPECT_EQ(names.Give({2, 1}, "claude", "/"), "claude-2");
  EXPECT_EQ(names.Give({3, 1}, "claude", "/tmp/5eebed37-0c1d-4f0a-9d2e-7b1c2d3e4f50"), "claude-3");
  EXPECT_EQ(names.Give({4, 1}, "claude", "/tmp/da39a3ee5e6b4b0d"), "claude-4");
  EXPECT_EQ(names.Give({5, 1}, "claude", "/tmp/a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(names.Give({6, 1}, "claude", "/x/facade"), "facade");
}

TEST(SessionNamesTest, BeyondTheMostTheyAreOther) {
  SessionNames names;
  for (int pid = 1; pid <= static_cast<int>(SessionNames::kMost); ++pid) {
    EXPECT_NE(names.Give({pid, 1}, "claude", "/p"), "other");
  }
  EXPECT_EQ(names.Give({90, 1}, "claude", "/q"), "other");
  EXPECT_EQ(names.Give({91, 1}, "claude", "/q"), "other");
  names.Forget({1, 1});
  EXPECT_EQ(names.Give({92, 1}, "claude", "/q"), "q");
  names.Forget({92, 1});
  EXPECT_EQ(names.Give({93, 1}, "claude", "/x/other"), "other-2") << "a folder of that name is one of them";
}

}  // namespace
}  // namespace agent_exporter::sessions

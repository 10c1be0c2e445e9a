#include "agents/exit_category.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace agent_exporter::agents {
namespace {

ExitCategory Code(int code, bool self_killed = false, OomVerdict oom = OomVerdict::kUnclear) {
  return CategorizeExit(WaitStatusOfCode(code), self_killed, oom);
}
ExitCategory Signal(int number, bool self_killed = false, OomVerdict oom = OomVerdict::kUnclear) {
  return CategorizeExit(WaitStatusOfSignal(number), self_killed, oom);
}

TEST(ExitCategory, FollowsTheTableOfPrecedence) {
  EXPECT_EQ(Code(0), ExitCategory::kSuccess);
  EXPECT_EQ(Signal(SIGTERM), ExitCategory::kSigterm);
  EXPECT_EQ(Code(143), ExitCategory::kSigterm);
  EXPECT_EQ(Signal(SIGKILL), ExitCategory::kOomHost);
  EXPECT_EQ(Code(137), ExitCategory::kOomHost);
  EXPECT_EQ(Signal(SIGABRT), ExitCategory::kOomHeap);
  EXPECT_EQ(Code(134), ExitCategory::kOomHeap);
  EXPECT_EQ(Code(1), ExitCategory::kPluginError);
  EXPECT_EQ(Code(99), ExitCategory::kUnknown);
  EXPECT_EQ(Signal(SIGSEGV), ExitCategory::kUnknown);
}

TEST(ExitCategory, ASigkillThatWasNoOomKillIsItsOwnCategory) {
  EXPECT_EQ(Signal(SIGKILL, false, OomVerdict::kDenied), ExitCategory::kKilled);
  EXPECT_EQ(Code(137, false, OomVerdict::kDenied), ExitCategory::kKilled);
  EXPECT_EQ(Signal(SIGKILL, false, OomVerdict::kConfirmed), ExitCategory::kOomHost);
  EXPECT_EQ(Signal(SIGKILL, true, OomVerdict::kDenied), ExitCategory::kSigterm);
  EXPECT_EQ(Signal(SIGABRT, false, OomVerdict::kDenied), ExitCategory::kOomHeap);
  EXPECT_EQ(ExitCategoryName(ExitCategory::kKilled), "killed");
}

TEST(ExitCategory, ASignalOnPurposeCountsAsSigterm) {
  EXPECT_EQ(Signal(SIGKILL, true), ExitCategory::kSigterm);
  EXPECT_EQ(Code(137, true), ExitCategory::kSigterm);
  EXPECT_EQ(Signal(SIGINT, true), ExitCategory::kSigterm);
}

TEST(ExitCategory, AKillOnPurposeDoesNotExplainACrashOrAnErrorCode) {
  EXPECT_EQ(Code(0, true), ExitCategory::kSuccess);
  EXPECT_EQ(Code(1, true), ExitCategory::kPluginError);
  EXPECT_EQ(Code(134, true), ExitCategory::kOomHeap);
  EXPECT_EQ(Signal(SIGABRT, true), ExitCategory::kOomHeap);
  EXPECT_EQ(Signal(SIGSEGV, true), ExitCategory::kUnknown);
}

TEST(ExitCategory, ACoreDumpDoesNotHideTheSignal) {
  EXPECT_EQ(CategorizeExit(SIGABRT | 0x80, false, OomVerdict::kUnclear), ExitCategory::kOomHeap);
}

TEST(ExitCategory, WhatNobodyToldIsNoCategoryOfItsEnd) {
  EXPECT_EQ(CategorizeExit(std::nullopt, false, OomVerdict::kUnclear), ExitCategory::kUnobserved);
  EXPECT_EQ(ExitCategoryName(ExitCategory::kUnobserved), "unobserved");
  EXPECT_EQ(ExitCategoryName(ExitCategory::kPluginError), "plugin-error");
}

}  // namespace
}  // namespace agent_exporter::agents

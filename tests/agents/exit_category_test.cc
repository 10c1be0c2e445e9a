#include "agents/exit_category.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace agent_exporter::agents {
namespace {

ExitCategory Code(int code, bool self_killed = false) {
  return CategorizeExit(WaitStatusOfCode(code), self_killed);
}
ExitCategory Signal(int number, bool self_killed = false) {
  return CategorizeExit(WaitStatusOfSignal(number), self_killed);
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

TEST(ExitCategory, WhatWeKilledOurselvesCountsAsSigtermUnlessItSucceeded) {
  EXPECT_EQ(Signal(SIGKILL, true), ExitCategory::kSigterm);
  EXPECT_EQ(Code(1, true), ExitCategory::kSigterm);
  EXPECT_EQ(Code(0, true), ExitCategory::kSuccess);
}

TEST(ExitCategory, ACoreDumpDoesNotHideTheSignal) {
  EXPECT_EQ(CategorizeExit(SIGABRT | 0x80, false), ExitCategory::kOomHeap);
}

TEST(ExitCategory, WhatNobodyToldIsNoCategoryOfItsEnd) {
  EXPECT_EQ(CategorizeExit(std::nullopt, false), ExitCategory::kUnobserved);
  EXPECT_EQ(ExitCategoryName(ExitCategory::kUnobserved), "unobserved");
  EXPECT_EQ(ExitCategoryName(ExitCategory::kPluginError), "plugin-error");
}

}  // namespace
}  // namespace agent_exporter::agents

#include "serve/tree_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/label_value.h"

namespace agent_exporter::serve {
namespace {

using agents::Remembered;

constexpr char kThisBoot[] = "0a1b-boot";

std::vector<Remembered> Some() {
  return {
      {.key = {6, 5}, .agent = "codex", .parent = 3},
      {.kind = Remembered::Kind::kOrphan, .key = {7, 1234567}, .agent = "codex", .slot = "<b>\"\n"},
      {.kind = Remembered::Kind::kRoot,
       .key = {8, 99},
       .agent = "claude",
       .agent_kind = "k",
       .scope = agents::Scope::kProcess,
       .start_stack = 0x7ffc'0000'1234,
       .rule = ~uint64_t{0}},
      {.kind = Remembered::Kind::kRegistered, .key = {9, 100}, .agent = "w", .reaper = {3, 4}, .helper = 5}};
}

TEST(TreeStateText, HoldsEverything) {
  const auto read = DecodeTreeState(EncodeTreeState(Some(), kThisBoot), kThisBoot);
  ASSERT_TRUE(read.ok()) << read.status();
  // A newline is no part of a label value.
  std::vector<Remembered> expected = Some();
  expected[1].slot = base::LabelValue(expected[1].slot);
  EXPECT_EQ(*read, expected);
}

TEST(TreeStateText, OfAnotherBootIsNothing) {
  const auto read = DecodeTreeState(EncodeTreeState(Some(), kThisBoot), "another");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->empty());
}

TEST(TreeStateText, WhatIsNoneIsRefused) {
  const std::string good = EncodeTreeState(Some(), kThisBoot);
  for (size_t cut = 0; cut + 2 < good.size(); ++cut) {
    EXPECT_FALSE(DecodeTreeState(good.substr(0, cut), kThisBoot).ok()) << cut;
  }
  for (const char* text :
       {"[]", "{}", "null", R"({"version":2,"boot_id":"0a1b-boot","processes":[]})",
        R"({"version":1,"boot_id":"0a1b-boot","processes":[{"is":"something","key":[1,2]}]})",
        R"({"version":1,"boot_id":"0a1b-boot","processes":[{"is":"orphan","key":["x",2]}]})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeTreeState(text, kThisBoot).status())) << text;
  }
}

}  // namespace
}  // namespace agent_exporter::serve

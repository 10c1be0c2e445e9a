#include "base/nearest_word.h"

#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::base {
namespace {

TEST(NearestWordTest, FindsTheWordWithTheFewestEdits) {
  const std::vector<std::string_view> known = {"comm", "cmdline", "script", "cgroup"};
  EXPECT_EQ(NearestWord("com", known), "comm");
  EXPECT_EQ(NearestWord("cmd_line", known), "cmdline");
  EXPECT_EQ(NearestWord("scirpt", known), "script");
  EXPECT_EQ(NearestWord("cgroups", known), "cgroup");
}

TEST(NearestWordTest, GivesNoFarFetchedHint) {
  EXPECT_EQ(NearestWord("environment", {"comm", "script"}), "");
  EXPECT_EQ(NearestWord(std::string(100000, 'c'), {"comm"}), "");
  EXPECT_EQ(NearestWord("comm", {}), "");
}

}  // namespace
}  // namespace agent_exporter::base

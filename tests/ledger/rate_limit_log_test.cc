#include "ledger/rate_limit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace agent_exporter::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RateLimitPatternsTest, KnowsTheWordings) {
  const auto patterns = RateLimitPatterns::Make({});
  ASSERT_TRUE(patterns.ok());
  const std::pair<const char*, const char*> lines[] = {
      {"API Error: Repeated 529 Overloaded errors", "529"},
      {R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", "overloaded"},
      {R"(API Error: 529 {"type":"error","error":{"type":"overloaded_error"}})", "529"},
      {"The API is currently overloaded, retrying", "overloaded"},
      {R"(API Error: 429 {"type":"error","error":{"type":"rate_limit_error"}})", "429"},
      {"HTTP/1.1 429 Too Many Requests", "429"},
      {"request failed with status code 429", "429"},
      {R"({"status":429})", "429"},
      {"overloaded (status 529)", "529"},
      {"Server is temporarily limiting requests (not your usage limit)", "throttle"},
      {"Claude usage limit reached. Your limit will reset at 3pm", "quota"},
      {"Weekly limit reached ∙ resets Mon", "quota"},
      {"session limit reached", "quota"},
      {"You've hit your usage limit.", "quota"},
      {"You've hit your limit · resets 3pm", "quota"},
      {"quota limit", "quota"},
      {"429: usage limit reached", "quota"},
      {"error on line 529", ""},
      {"main.py, line 429", ""},
      {"429 files changed", ""},
      {"an overloaded function", ""},
      {"1429 Too Many Requests", ""},
      {"pid 1529 is not overloaded", ""},
      {"the 5290th overload", ""},
      {"usage: limit [-n]", ""},
      {"", ""},
  };
  for (const auto& [line, kind] : lines) EXPECT_EQ(patterns->KindOf(line), kind) << line;
}

TEST(RateLimitPatternsTest, OnesOwnTakeThePlaceOfTheSameKind) {
  const auto patterns = RateLimitPatterns::Make({{"throttle", "(?i)slow down"}});
  ASSERT_TRUE(patterns.ok());
  EXPECT_EQ(patterns->KindOf("please SLOW DOWN"), "throttle");
  EXPECT_EQ(patterns->KindOf("Server is temporarily limiting requests"), "");
  EXPECT_EQ(patterns->KindOf("weekly limit reached"), "quota");
  EXPECT_FALSE(RateLimitPatterns::Make({{"throttle", "("}}).ok());
  EXPECT_FALSE(RateLimitPatterns::Make({{"trip", "x"}}).ok());
}

class LogFollowerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "log_XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    path_ = directory_ + "/agent.log";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void Append(const std::string& text) const { std::ofstream(path_, std::ios::app) << text; }
  static std::vector<std::string> Poll(LogFollower& follower) {
    std::vector<std::string> lines;
    follower.Poll([&](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }
  std::string directory_, path_;
};

TEST_F(LogFollowerTest, WhatWasThereIsHistoryAndLinesComeWhole) {
  Append("old\nold, begun ");
  LogFollower follower(path_);
  EXPECT_THAT(Poll(follower), IsEmpty());
  Append("a\nb");
  EXPECT_THAT(Poll(follower), ElementsAre("a"));
  EXPECT_THAT(Poll(follower), IsEmpty());
  Append("c\n\nd\n");
  EXPECT_THAT(Poll(follower), ElementsAre("bc", "", "d"));
}

TEST_F(LogFollowerTest, AFileThatComesLaterIsReadFromItsStart) {
  LogFollower follower(path_);
  EXPECT_THAT(Poll(follower), IsEmpty());
  Append("a\n");
  EXPECT_THAT(Poll(follower), ElementsAre("a"));
}

TEST_F(LogFollowerTest, RotationLosesNothing) {
  Append("");
  LogFollower follower(path_);
  Poll(follower);
  Append("a\n");
  std::filesystem::rename(path_, path_ + ".1");
  std::ofstream(path_ + ".1", std::ios::app) << "b\n";
  EXPECT_THAT(Poll(follower), ElementsAre("a", "b")) << "not made anew yet";
  Append("c\n");
  EXPECT_THAT(Poll(follower), ElementsAre("c"));
}

TEST_F(LogFollowerTest, AFileThatWasCutIsReadFromItsNewStart) {
  Append("something long\n");
  LogFollower follower(path_);
  Poll(follower);
  std::ofstream(path_, std::ios::trunc) << "a\n";
  EXPECT_THAT(Poll(follower), ElementsAre("a"));
}

TEST_F(LogFollowerTest, AFloodIsReadBitByBitAndALongLineIsCut) {
  Append("");
  LogFollower follower(path_);
  Poll(follower);
  const std::string line(1023, 'x');
  for (int i = 0; i < 3000; ++i) Append(line + "\n");
  EXPECT_EQ(Poll(follower).size(), 1024u);
  EXPECT_EQ(Poll(follower).size(), 1024u);
  EXPECT_EQ(Poll(follower).size(), 3000u - 2048);
  Append(std::string(100000, 'y') + "\nz\n");
  const auto lines = Poll(follower);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), 16384u);
  EXPECT_EQ(lines[1], "z");
}

TEST_F(LogFollowerTest, WhatIsNoFileIsPassedOver) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  LogFollower follower(path_);
  EXPECT_THAT(Poll(follower), IsEmpty());
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(Poll(follower), IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::ledger

#include "serve/tree_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/label_value.h"

namespace agent_exporter::serve {
namespace {

namespace fs = std::filesystem;
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

class StateFileTest : public testing::Test {
 protected:
  StateFileTest() {
    std::string pattern = testing::TempDir() + "state_file_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~StateFileTest() override { fs::remove_all(directory_); }
  std::string path() const { return directory_ + "/some.state"; }
  std::string directory_;
};

TEST_F(StateFileTest, HoldsWhatWasWrittenLast) {
  {
    StateFile file(path(), "things");
    EXPECT_EQ(file.Read(), std::nullopt);
    for (int i = 0; i < 100; ++i) file.Write("number " + std::to_string(i));
  }
  StateFile file(path(), "things");
  EXPECT_EQ(file.Read(), "number 99");
  struct stat about = {};
  ASSERT_EQ(stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1)
      << "nothing beside it";
}

TEST_F(StateFileTest, ADirectoryThatIsGoneIsNoEnd) {
  StateFile file(directory_ + "/none/some.state", "things");
  file.Write("x");
}

TEST_F(StateFileTest, SetAsideItIsOutOfTheWay) {
  std::ofstream(path()) << "what is this";
  StateFile file(path(), "things");
  const std::string aside = file.SetAside();
  EXPECT_EQ(file.Read(), std::nullopt);
  EXPECT_TRUE(fs::exists(aside));
}

}  // namespace
}  // namespace agent_exporter::serve

#include "sessions/line_follower.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LineFollowerTest : public ::testing::Test {
 protected:
  // The lines of one call; "<too long>" and "<restart>" as told.
  std::vector<std::string> Poll(uint64_t budget = 1 << 20) {
    std::vector<std::string> lines;
    const auto directory = base::OpenDirectory(tree_.root());
    const auto file = base::OpenRegularFile(*directory, "f", std::nullopt);
    left_ = budget;
    const absl::Status status = follower_.Poll(
        *file, &left_, [&lines] { lines.emplace_back("<restart>"); },
        [&lines](std::optional<std::string_view> line) { lines.emplace_back(line.value_or("<too long>")); });
    EXPECT_TRUE(status.ok()) << status;
    return lines;
  }
  void Append(const std::string& text) const { std::ofstream(tree_.root() + "/f", std::ios::app) << text; }

  kernel::FakeTree tree_;
  LineFollower follower_{{.line = 100, .whole = 10'000, .tail = 50}};
  uint64_t left_ = 0;
};

TEST_F(LineFollowerTest, EachLineOnceAndNoHalfOne) {
  tree_.Write("f", "one\n\ntwo\nthr");
  EXPECT_THAT(Poll(), ElementsAre("<restart>", "one", "two"));
  EXPECT_TRUE(follower_.at_end());
  EXPECT_THAT(Poll(), IsEmpty());
  Append("ee\nfour\n");
  EXPECT_THAT(Poll(), ElementsAre("three", "four"));
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_EQ(left_, uint64_t{1} << 20);  // where nothing is new, nothing is read
}

TEST_F(LineFollowerTest, AShorterOrAnotherFileIsReadFromItsStart) {
  tree_.Write("f", "one\ntwo\n");
  Poll();
  std::ofstream(tree_.root() + "/f") << "1\n";
  EXPECT_THAT(Poll(), ElementsAre("<restart>", "1"));
  tree_.Write("new", "another\n");
  std::filesystem::rename(tree_.root() + "/new", tree_.root() + "/f");
  EXPECT_THAT(Poll(), ElementsAre("<restart>", "another"));
}

TEST_F(LineFollowerTest, ALineThatIsTooLongIsTold) {
  tree_.Write("f", "one\n" + std::string(150'000, 'x') + "\ntwo\n");
  follower_ = LineFollower({.line = 100});
  EXPECT_THAT(Poll(), ElementsAre("<restart>", "one", "<too long>", "two"));
  Append(std::string(1000, 'x'));
  EXPECT_THAT(Poll(), IsEmpty());
  Append(std::string(1000, 'x') + "\nthree\n");
  EXPECT_THAT(Poll(), ElementsAre("<too long>", "three"));
}

TEST_F(LineFollowerTest, ALongFileIsFollowedFromNearItsEnd) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line\n";
  tree_.Write("f", text + "a line that is longer than what is read, so cut\nlast\n");
  EXPECT_THAT(Poll(), ElementsAre("<restart>", "last"));
  EXPECT_FALSE(follower_.whole());
  Append("more\n");
  EXPECT_THAT(Poll(), ElementsAre("more"));
}

TEST_F(LineFollowerTest, KeepsToItsBudget) {
  tree_.Write("f", "one\ntwo\nthree\n");
  EXPECT_THAT(Poll(6), ElementsAre("<restart>", "one"));
  EXPECT_EQ(left_, 0u);
  EXPECT_FALSE(follower_.at_end());
  EXPECT_THAT(Poll(6), ElementsAre("two"));
  EXPECT_THAT(Poll(6), ElementsAre("three"));
  EXPECT_TRUE(follower_.at_end());
}

}  // namespace
}  // namespace agent_exporter::sessions

#include "sessions/transcript_tail.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/descriptor.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TranscriptTailTest : public ::testing::Test {
 protected:
  // The visited lines; "<long>" for one that is too long, with a '~' after a line without a newline.
  std::vector<std::string> Lines(const std::string& text, const TailLimits& limits = {},
                                 size_t stop_after = 1000) {
    tree_.Write("file", text);
    const base::Descriptor file(::open((tree_.root() + "/file").c_str(), O_RDONLY | O_CLOEXEC));
    std::vector<std::string> lines;
    const auto result = VisitLinesFromEnd(file.get(), text.size(), limits, [&](const TailLine& line) {
      lines.push_back(std::string(line.text.value_or("<long>")) + (line.complete ? "" : "~"));
      return lines.size() < stop_after;
    });
    EXPECT_TRUE(result.ok()) << result.status();
    result_ = *result;
    return lines;
  }

  kernel::FakeTree tree_;
  TailResult result_;
};

TEST_F(TranscriptTailTest, VisitsLinesNewestFirst) {
  EXPECT_THAT(Lines("one\ntwo\nthree\n"), ElementsAre("three", "two", "one"));
  EXPECT_TRUE(result_.reached_start);
  EXPECT_EQ(result_.bytes_read, 14u);
}

TEST_F(TranscriptTailTest, SkipsEmptyLines) {
  EXPECT_THAT(Lines("\n\none\n\n\ntwo\n\n"), ElementsAre("two", "one"));
  EXPECT_THAT(Lines("\n\n\n"), IsEmpty());
  EXPECT_THAT(Lines(""), IsEmpty());
}

TEST_F(TranscriptTailTest, MarksAnUnfinishedLastLine) {
  EXPECT_THAT(Lines("one\ntw"), ElementsAre("tw~", "one"));
  EXPECT_THAT(Lines("tw"), ElementsAre("tw~"));
}

TEST_F(TranscriptTailTest, StopsWhenTold) {
  EXPECT_THAT(Lines("one\ntwo\nthree\n", {}, 2), ElementsAre("three", "two"));
  EXPECT_FALSE(result_.reached_start);
}

TEST_F(TranscriptTailTest, JoinsLinesThatSpanPieces) {
  const std::string a(100'000, 'a'), b(200'000, 'b'), c(65'536, 'c');
  EXPECT_THAT(Lines(a + "\n" + b + "\n" + c + "\nend\n"), ElementsAre("end", c, b, a));
}

TEST_F(TranscriptTailTest, SkipsTheTextOfLongLines) {
  const std::string huge(300'000, 'x');
  EXPECT_THAT(Lines("one\n" + huge + "\ntwo\n", {.bytes = 1 << 20, .line = 1000}),
              ElementsAre("two", "<long>", "one"));
  const std::string fits(1000, 'y');
  EXPECT_THAT(Lines(fits + "\n" + fits + "z\n", {.bytes = 1 << 20, .line = 1000}),
              ElementsAre("<long>", fits));
}

TEST_F(TranscriptTailTest, StopsAtItsLimit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "line " + std::to_string(1000 + i) + "\n";
  EXPECT_THAT(Lines(text, {.bytes = 25, .line = 1000}), ElementsAre("line 1999", "line 1998"));
  EXPECT_EQ(result_.bytes_read, 25u);
  EXPECT_FALSE(result_.reached_start);
}

TEST_F(TranscriptTailTest, AFileThatBecomesShorterIsAborted) {
  tree_.Write("file", "short\n");
  const base::Descriptor file(::open((tree_.root() + "/file").c_str(), O_RDONLY | O_CLOEXEC));
  const auto result = VisitLinesFromEnd(file.get(), 100, {}, [](const TailLine&) { return true; });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace agent_exporter::sessions

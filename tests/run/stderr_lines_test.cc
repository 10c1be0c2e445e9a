#include "run/stderr_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::run {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UsefulStderrLines, DropsEmptyLinesAndTheWorkersOwn) {
  EXPECT_THAT(
      UsefulStderrLines("[worker] start\n\n  \nTypeError: x\n    at f\n[worker] bye\n", {"[worker]"}, false),
      ElementsAre("TypeError: x", "at f"));
}

TEST(UsefulStderrLines, NothingLeftIsNothing) {
  EXPECT_THAT(UsefulStderrLines("[worker] a\n\n", {"[worker]"}, false), IsEmpty());
  EXPECT_THAT(UsefulStderrLines("", {}, false), IsEmpty());
}

TEST(UsefulStderrLines, TheLastOnesInOrder) {
  EXPECT_THAT(UsefulStderrLines("1\n2\n3\n4", {}, false, 2), ElementsAre("3", "4"));
}

TEST(UsefulStderrLines, ACutTailLosesItsFirstLineUnlessThatIsAll) {
  EXPECT_THAT(UsefulStderrLines("alf a line\nwhole\n", {}, true), ElementsAre("whole"));
  EXPECT_THAT(UsefulStderrLines("alf a line", {}, true), ElementsAre("alf a line"));
}

TEST(UsefulStderrLines, ColoursGoAndControlBytesBecomeBlanks) {
  EXPECT_THAT(UsefulStderrLines("\x1b[31mred\x1b[0m\tbold\r\n", {}, false), ElementsAre("red bold"));
}

TEST(UsefulStderrLines, FramesOfANativeStackDoNotHideTheLineThatTells) {
  EXPECT_THAT(
      UsefulStderrLines("FATAL ERROR: heap\n 1: 0xb7a3e0 node::Abort()\n12: 0x1 [node]\n1: one\n", {}, false),
      ElementsAre("FATAL ERROR: heap", "1: one"));
}

TEST(UsefulStderrLines, AnyBytesBecomeValidUtf8OfBoundedLength) {
  const std::vector<std::string> lines = UsefulStderrLines(std::string(5000, '\xff'), {}, false);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LE(lines[0].size(), 1200u);
  EXPECT_EQ(lines[0].substr(0, 3), "\xEF\xBF\xBD");
  // A character that stands across the cut and across a block's border stays whole or goes.
  std::string accents;
  for (int i = 0; i < 500; ++i) accents += "é";
  EXPECT_EQ(UsefulStderrLines("x" + accents, {}, false)[0].find("\xEF\xBF\xBD"), std::string::npos);
}

}  // namespace
}  // namespace agent_exporter::run

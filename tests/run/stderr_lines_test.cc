#include "run/stderr_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::run {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UsefulStderrLines, DropsEmptyLinesAndTheWorkersOwn) {
  EXPECT_THAT(UsefulStderrLines("[worker] start\n\n  \nTypeError: x\n    at f\n[worker] bye\n",
                                {.prefixes = {"[worker]"}}, false),
              ElementsAre("TypeError: x", "at f"));
}

TEST(UsefulStderrLines, NothingLeftIsNothing) {
  EXPECT_THAT(UsefulStderrLines("[worker] a\n\n", {.prefixes = {"[worker]"}}, false), IsEmpty());
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

TEST(UsefulStderrLines, DropsWhatHoldsASubstringNodesTlsWarningByDefault) {
  const std::string text =
      "(node:7) Warning: Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS "
      "connections and HTTPS requests insecure by disabling certificate verification.\n"
      "(Use `node --trace-warnings ...` to show where the warning was created)\n"
      "TypeError: x\n";
  EXPECT_THAT(UsefulStderrLines(text, {}, false), ElementsAre("TypeError: x"));
  EXPECT_THAT(UsefulStderrLines(text, {.substrings = {"insecure", "rror: x"}}, false),
              ElementsAre(testing::StartsWith("(Use `node")));
  EXPECT_THAT(UsefulStderrLines("a\n", {.prefixes = {""}, .substrings = {""}}, false), ElementsAre("a"));
}

TEST(HeapLine, IsTheLastCollectionV8Told) {
  EXPECT_EQ(
      HeapLine("[1:0x1e4abca0]      293 ms: Mark-Compact 31.6 (64.5) -> 31.6 (64.2) MB, 4.92 / 0.00 ms\n"
               "[1:0x1e4abca0]      298 ms: Mark-Compact (reduce) 32.9 (65.0) -> 32.1 (65.0) MB, 2.90 / "
               "0.00 ms  (average mu = 0.722) allocation failure\n\nFATAL ERROR: Reached heap limit\n"),
      "Mark-Compact 32.9 -> 32.1 MB");
  EXPECT_EQ(HeapLine("[7:0x5] 99 ms: Mark-sweep 2044.0 (2082.3) -> 2043.5 (2082.3) MB, 1 / 0 ms"),
            "Mark-sweep 2044.0 -> 2043.5 MB");
  EXPECT_EQ(HeapLine("FATAL ERROR: heap\nScavenge 1.0 (2.0) -> 1.0 (2.0) MB\n"), "");
  EXPECT_EQ(HeapLine(""), "");
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

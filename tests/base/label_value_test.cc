#include "base/label_value.h"

#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::base {
namespace {

using std::string_literals::operator""s;

TEST(LabelValueTest, KeepsValidUtf8OfEveryLength) {
  const std::string text = "codex \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBF \xF4\x8F\xBF\xBF\n\"\\";
  EXPECT_EQ(LabelValue(text), text);
}

TEST(LabelValueTest, ReplacesBrokenBytesAndKeepsTheRest) {
  EXPECT_EQ(LabelValue("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(LabelValue("a\0z"s), "a\uFFFDz");
  EXPECT_EQ(LabelValue("\xE2\x82"), "\uFFFD") << "one character cut short is one replacement";
  EXPECT_EQ(LabelValue("\xE2\x82z"), "\uFFFDz");
  EXPECT_EQ(LabelValue("\xC0\xAF"), "\uFFFD\uFFFD") << "overlong slash";
  EXPECT_EQ(LabelValue("\xE0\x80\x80"), "\uFFFD\uFFFD\uFFFD") << "overlong NUL";
  EXPECT_EQ(LabelValue("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD") << "surrogate";
  EXPECT_EQ(LabelValue("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond U+10FFFF";
}

TEST(LabelValueTest, CutsBetweenCharacters) {
  EXPECT_EQ(LabelValue(std::string(300, 'x')), std::string(128, 'x'));
  EXPECT_EQ(LabelValue(std::string(127, 'x') + "\xC3\xA9"), std::string(127, 'x'));
  EXPECT_EQ(LabelValue(std::string(126, 'x') + "\xC3\xA9"), std::string(126, 'x') + "\xC3\xA9");
  EXPECT_EQ(LabelValue(std::string(127, 'x') + "\xFF"), std::string(127, 'x'));
}

TEST(QuotedTest, IsPrintableAscii) {
  EXPECT_EQ(Quoted("bash"), "\"bash\"");
  EXPECT_EQ(Quoted("\x1b[2J\n\"\xC2\x9B"), R"("\x1b[2J\n\"\xc2\x9b")");
  EXPECT_EQ(Quoted("abcdef", 3), "\"abc\"...");
}

}  // namespace
}  // namespace agent_exporter::base

#include "exporter/text_table.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace agent_exporter::exporter {
namespace {

TEST(PrintableTest, NothingThatATerminalObeysIsLeft) {
  const std::pair<std::string, std::string> table[] = {
      {"plain ~", "plain ~"},
      {"\x1b[2J\x07\t\n\x7f", "?[2J????"},
      {std::string("a\0b", 3), "a?b"},
      {"\xc2\x9b"
       "2J",
       "?2J"},                                                  // CSI of C1
      {"\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9"},                 // no-break space and e with acute
      {"\x9b", "?"},                                            // C1 for a terminal that shows Latin-1
      {"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "???"},              // override, isolate, Arabic letter mark
      {"\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xaa", "???"},          // marks, embedding
      {"\xe2\x80\xa6\xe2\x81\xaa\xe6\x97\xa5\xf0\x9f\x98\x80",  // ellipsis, CJK and an emoji stay
       "\xe2\x80\xa6\xe2\x81\xaa\xe6\x97\xa5\xf0\x9f\x98\x80"},
      {"cut \xe2\x82", "cut \xe2\x82"},
      {"cut \xff", "cut ?"},
      {"\xe2\x80\xae\x80\xc3\xa9\x9b", "??\xc3\xa9?"},  // stray bytes after whole characters
      {"", ""},
  };
  for (const auto& [raw, shown] : table) EXPECT_EQ(Printable(raw), shown);
}

TEST(PrintableTest, JsonStaysTheSameJson) {
  EXPECT_EQ(PrintableJson(
                "{\n  \"a\": \"\x7f\xc2\x9b\xe2\x80\xae\xd8\x9c\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"\n}"),
            "{\n  \"a\": \"\\u007f\\u009b\\u202e\\u061c\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"\n}");
}

}  // namespace
}  // namespace agent_exporter::exporter

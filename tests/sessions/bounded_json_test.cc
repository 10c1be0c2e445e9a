#include "sessions/bounded_json.h"

#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::sessions {
namespace {

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(BoundedJsonTest, ParsesJson) {
  EXPECT_EQ(ParseBoundedJson(R"({"a": [1, "]]\"[["]})").at("a").at(1), "]]\"[[");
  EXPECT_TRUE(ParseBoundedJson(Nested(64)).is_array());
}

TEST(BoundedJsonTest, RefusesDeepNesting) {
  EXPECT_TRUE(ParseBoundedJson(Nested(65)).is_discarded());
  EXPECT_TRUE(ParseBoundedJson(Nested(1'000'000)).is_discarded());
  EXPECT_TRUE(ParseBoundedJson(std::string(1'000'000, '{')).is_discarded());
}

TEST(BoundedJsonTest, BracketsInTextsDoNotNest) {
  EXPECT_TRUE(ParseBoundedJson("[\"" + std::string(1000, '[') + "\"]").is_array());
}

TEST(BoundedJsonTest, RefusesBrokenJsonAndBadUtf8) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "nul", "{\"a\": \"\xff\"}", "{} {}", "\"\\"}) {
    EXPECT_TRUE(ParseBoundedJson(text).is_discarded()) << text;
  }
}

}  // namespace
}  // namespace agent_exporter::sessions

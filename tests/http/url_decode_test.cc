#include "http/url_decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(UrlDecodeTest, Path) {
  EXPECT_EQ(DecodePath("/metrics").value(), "/metrics");
  EXPECT_EQ(DecodePath("/%6Detric%73").value(), "/metrics");
  EXPECT_EQ(DecodePath("/a+b").value(), "/a+b") << "+ is itself in a path";
  EXPECT_EQ(DecodePath("/%2e%2e/metrics").value(), "/../metrics");
  EXPECT_EQ(DecodePath("/%00x").value(), std::string("/\0x", 3));
}

TEST(UrlDecodeTest, MalformedPercentIsAnError) {
  for (const char* text : {"%", "%4", "%zz", "%4g", "a%%41", "%-1", "% 1"}) {
    EXPECT_EQ(DecodePath(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(DecodeQuery(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_FALSE(DecodeQuery(std::string("a=") + text).ok()) << text;
  }
}

TEST(UrlDecodeTest, QueryKeepsOrderAndRepeats) {
  EXPECT_THAT(
      DecodeQuery("collect[]=a&collect%5B%5D=b+c&d=%2B%26%3D&e=f=g").value(),
      ElementsAre(Pair("collect[]", "a"), Pair("collect[]", "b c"), Pair("d", "+&="), Pair("e", "f=g")));
}

TEST(UrlDecodeTest, QueryWithoutValuesOrNames) {
  EXPECT_THAT(DecodeQuery("").value(), IsEmpty());
  EXPECT_THAT(DecodeQuery("&&a&=b&c=&").value(), ElementsAre(Pair("a", ""), Pair("", "b"), Pair("c", "")));
}

}  // namespace
}  // namespace agent_exporter::http

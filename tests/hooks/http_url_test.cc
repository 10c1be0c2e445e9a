#include "hooks/http_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::hooks {
namespace {

HttpUrl Parsed(std::string_view url) { return ParseHttpUrl(url).value(); }

TEST(HttpUrlTest, HasPartsAndDefaults) {
  const HttpUrl plain = Parsed("http://example.org");
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.host, "example.org");
  EXPECT_EQ(plain.port, "80");
  EXPECT_EQ(plain.target, "/");
  EXPECT_EQ(plain.user, "");

  const HttpUrl full = Parsed("HTTPS://ann:s%40crt@example.org:8443/a/b?c=d&e#part");
  EXPECT_TRUE(full.tls);
  EXPECT_EQ(full.user, "ann:s@crt");
  EXPECT_EQ(full.host, "example.org");
  EXPECT_EQ(full.port, "8443");
  EXPECT_EQ(full.authority, "example.org:8443");
  EXPECT_EQ(full.target, "/a/b?c=d&e");

  EXPECT_EQ(Parsed("https://example.org?a@b").target, "/?a@b");
  EXPECT_EQ(Parsed("https://example.org:/").port, "443");
}

TEST(HttpUrlTest, KnowsIpv6Addresses) {
  const HttpUrl url = Parsed("http://[::1]:81/x");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, "81");
  EXPECT_EQ(url.authority, "[::1]:81");
  EXPECT_EQ(Parsed("http://[::1]/").port, "80");
}

TEST(HttpUrlTest, RefusesWhatItCannotUse) {
  for (const char* url : {"", "ftp://example.org/", "example.org", "http://", "http:///x", "https://:80/",
                          "http://a%zz@example.org/"})
    EXPECT_FALSE(ParseHttpUrl(url).ok()) << url;
}

}  // namespace
}  // namespace agent_exporter::hooks

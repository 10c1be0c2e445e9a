#include "http/web_access.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace agent_exporter::http {
namespace {

constexpr char kHash[] = "$2y$04$N9qo8uLOickgx2ZMRZoMye3eddwbvBZq9Vw2uHywyANtuDH4xsNoe";

HttpRequest Asking(const std::string& authorization) {
  HttpRequest request;
  request.header = [authorization](std::string_view name) {
    return name == "Authorization" ? authorization : "";
  };
  return request;
}

TEST(WebAccessTest, WithoutUsersEveryRequestPasses) {
  const BearerToken token("0123456789abcdef");
  EXPECT_FALSE(WebAccess({}, token).Refuse(Asking("")));
}

TEST(WebAccessTest, AcceptsAPasswordOrTheToken) {
  const BearerToken token("0123456789abcdef");
  WebAccess access({{"ann", kHash}}, token);
  EXPECT_FALSE(access.Refuse(Asking("Basic " + absl::Base64Escape("ann:secret"))));
  EXPECT_FALSE(access.Refuse(Asking("Bearer 0123456789abcdef")));
  EXPECT_FALSE(access.Refuse(Asking("bearer 0123456789abcdef")));
  for (const std::string& header :
       {std::string(), std::string("Bearer "), std::string("Bearer 0123456789abcdeF"),
        "Basic " + absl::Base64Escape("ann:wrong")}) {
    const auto refused = access.Refuse(Asking(header));
    ASSERT_TRUE(refused) << header;
    EXPECT_EQ(refused->status, 401);
    EXPECT_EQ(refused->headers.at("WWW-Authenticate"), "Basic realm=\"agent_exporter\"");
  }
}

TEST(WebAccessTest, AnEmptyTokenOpensNothing) {
  const BearerToken none;
  WebAccess access({{"ann", kHash}}, none);
  EXPECT_TRUE(access.Refuse(Asking("Bearer ")));
  EXPECT_TRUE(access.Refuse(Asking("Bearer x")));
}

}  // namespace
}  // namespace agent_exporter::http

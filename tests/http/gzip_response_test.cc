#include "http/gzip_response.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace agent_exporter::http {
namespace {

HttpRequest Accepting(const std::string& encoding) {
  HttpRequest request;
  request.header = [encoding](std::string_view name) { return name == "Accept-Encoding" ? encoding : ""; };
  return request;
}

TEST(GzipResponse, CompressesForClientsThatAcceptIt) {
  HttpResponse response{.body = std::string(1000, 'x'), .headers = {{"Vary", "Accept"}}};
  GzipIfAccepted(Accepting("gzip"), &response);
  EXPECT_EQ(response.headers["Vary"], "Accept, Accept-Encoding");
  EXPECT_EQ(response.headers["Content-Encoding"], "gzip");
  EXPECT_EQ(response.body.substr(0, 2), "\x1f\x8b");
}

TEST(GzipResponse, DoesNotCompressForOthersButSetsVary) {
  HttpResponse response{.body = "plain"};
  GzipIfAccepted(Accepting(""), &response);
  EXPECT_EQ(response.body, "plain");
  EXPECT_EQ(response.headers["Vary"], "Accept-Encoding");
  EXPECT_EQ(response.headers.count("Content-Encoding"), 0u);
}

}  // namespace
}  // namespace agent_exporter::http

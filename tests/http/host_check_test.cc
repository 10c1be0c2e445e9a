#include "http/host_check.h"

#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::http {
namespace {

const HostCheck& Check() {
  static const HostCheck check({"web1", "Web1.Example", "", "192.0.2.1"}, {"/metrics"});
  return check;
}

TEST(HostCheckTest, AddressesAndOwnNamesPass) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:10058", "10.1.2.3:80", "[::1]", "[::1]:10058",
                           "[fe80::1]:1", "localhost", "LocalHost:10058", "localhost.", "agents.localhost:1",
                           "web1", "WEB1:10058", "web1.example", "web1.example.:10058", "192.0.2.1", ""}) {
    EXPECT_TRUE(Check().IsOwn(host)) << host;
  }
}

TEST(HostCheckTest, OtherNamesDoNot) {
  for (const char* host :
       {"evil.example", "evil.example:10058", "web1.evil.example", "web1.example.evil.example", "xlocalhost",
        "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "[evil.example]", "[127.0.0.1]", "::1",
        "127.0.0.1:80:80", "web1@evil.example", "web1/evil.example", "127.1", "0x7f000001", "web1 ", "."}) {
    EXPECT_FALSE(Check().IsOwn(host)) << host;
  }
}

TEST(HostCheckTest, RefusesAllButOpenPaths) {
  HttpRequest request;
  request.header = [](std::string_view name) { return std::string(name == "Host" ? "evil.example" : ""); };
  for (const char* path : {"/", "/agents", "/nothing", "/metrics/"}) {
    request.path = path;
    ASSERT_TRUE(Check().Refuse(request)) << path;
    EXPECT_EQ(Check().Refuse(request)->status, 421);
  }
  request.path = "/metrics";
  EXPECT_FALSE(Check().Refuse(request));
}

}  // namespace
}  // namespace agent_exporter::http

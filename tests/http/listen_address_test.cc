#include "http/listen_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace agent_exporter::http {
namespace {

// +PORT: all addresses of IPv4 and IPv6.
std::string Written(const ListenAddress& address) {
  char host[INET6_ADDRSTRLEN] = {};
  if (address.address.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address.address, sizeof(v6));
    if (address.dual_stack) return absl::StrCat("+", ntohs(v6.sin6_port));
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
    return absl::StrCat("[", host, "]:", ntohs(v6.sin6_port));
  }
  sockaddr_in v4;
  std::memcpy(&v4, &address.address, sizeof(v4));
  inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
  return absl::StrCat(host, ":", ntohs(v4.sin_port));
}

using ::testing::HasSubstr;

TEST(ListenAddressTest, ParsesTheUsualForms) {
  EXPECT_EQ(Written(ParseListenAddress("127.0.0.1:10058", true).value()), "127.0.0.1:10058");
  EXPECT_EQ(Written(ParseListenAddress("localhost:10058", true).value()), "127.0.0.1:10058");
  EXPECT_EQ(Written(ParseListenAddress("0.0.0.0:0", true).value()), "0.0.0.0:0");
  EXPECT_EQ(Written(ParseListenAddress("[::1]:10058", true).value()), "[::1]:10058");
  EXPECT_EQ(Written(ParseListenAddress(":10058", false).value()), "0.0.0.0:10058");
}

TEST(ListenAddressTest, NoHostMeansEveryAvailableFamily) {
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) GTEST_SKIP() << "no IPv6 on this host";
  close(fd);
  EXPECT_EQ(Written(ParseListenAddress(":10058", true).value()), "+10058");
  EXPECT_EQ(Written(ParseListenAddress("[::]:10058", true).value()), "+10058");
}

TEST(ListenAddressTest, MalformedAddressesAreNamed) {
  for (const char* text :
       {"", "10058", "localhost", "localhost:", ":", ":x", ":70000", ":-1", ":+1", ": 80", "::1:80", "[::1]",
        "[::1", "[]:80", "[127.0.0.1]:80", "[::1]x:80", "256.0.0.1:80", "a,b:80"}) {
    const absl::Status status = ParseListenAddress(text, true).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("cannot listen on \"") + text + "\": "));
  }
}

TEST(ListenAddressTest, Ipv6IsRefusedIfItCannotBeServed) {
  EXPECT_THAT(std::string(ParseListenAddress("[::1]:80", false).status().message()),
              HasSubstr("does not support IPv6"));
  EXPECT_THAT(std::string(ParseListenAddress("[::]:80", false).status().message()), HasSubstr("no IPv6"));
}

TEST(ListenAddressTest, ListenOnNamesTheAddressThatIsTaken) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string taken = "localhost:" + std::to_string(ntohs(address.sin_port));
  const ListenAddress free = ParseListenAddress("127.0.0.1:0", false).value();

  const absl::Status status = ListenOn({free, ParseListenAddress(taken, false).value()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(status.message()), "cannot listen on " + taken + ": address already in use");
  close(fd);
  EXPECT_TRUE(ListenOn({free, ParseListenAddress(taken, false).value()}).ok());
}

TEST(ListenAddressTest, ListenOnFindsOneAddressGivenTwice) {
  // Finds a free port by listening on it for a moment.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(fd);
  const ListenAddress twice =
      ParseListenAddress(":" + std::to_string(ntohs(address.sin_port)), false).value();
  EXPECT_FALSE(ListenOn({twice, twice}).ok());
}

TEST(ListenAddressTest, ListenOnNamesAnAddressThatIsNotOurs) {
  const absl::Status status = ListenOn({ParseListenAddress("192.0.2.1:0", false).value()}).status();
  EXPECT_EQ(std::string(status.message()), "cannot listen on 192.0.2.1:0: cannot assign requested address");
}

}  // namespace
}  // namespace agent_exporter::http

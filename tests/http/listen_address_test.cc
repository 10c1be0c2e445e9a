#include "http/listen_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace agent_exporter::http {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, ParsesTheUsualForms) {
  EXPECT_EQ(CivetwebPort(ParseListenAddress("127.0.0.1:10058", true).value()), "127.0.0.1:10058");
  EXPECT_EQ(CivetwebPort(ParseListenAddress("localhost:10058", true).value()), "127.0.0.1:10058");
  EXPECT_EQ(CivetwebPort(ParseListenAddress("0.0.0.0:0", true).value()), "0.0.0.0:0");
  EXPECT_EQ(CivetwebPort(ParseListenAddress("[::1]:10058", true).value()), "[::1]:10058");
  EXPECT_EQ(CivetwebPort(ParseListenAddress(":10058", false).value()), "0.0.0.0:10058");
}

TEST(ListenAddressTest, NoHostMeansEveryAvailableFamily) {
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) GTEST_SKIP() << "no IPv6 on this host";
  close(fd);
  EXPECT_EQ(CivetwebPort(ParseListenAddress(":10058", true).value()), "+10058");
  EXPECT_EQ(CivetwebPort(ParseListenAddress("[::]:10058", true).value()), "+10058");
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

TEST(ListenAddressTest, TryListenNamesTheAddressThatIsTaken) {
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

  const absl::Status status = TryListen({free, ParseListenAddress(taken, false).value()});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(status.message()), "cannot listen on " + taken + ": address already in use");
  close(fd);
  EXPECT_TRUE(TryListen({free, ParseListenAddress(taken, false).value()}).ok());
}

TEST(ListenAddressTest, TryListenFindsOneAddressGivenTwice) {
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
  EXPECT_FALSE(TryListen({twice, twice}).ok());
}

TEST(ListenAddressTest, TryListenNamesAnAddressThatIsNotOurs) {
  const absl::Status status = TryListen({ParseListenAddress("192.0.2.1:0", false).value()});
  EXPECT_EQ(std::string(status.message()), "cannot listen on 192.0.2.1:0: cannot assign requested address");
}

}  // namespace
}  // namespace agent_exporter::http

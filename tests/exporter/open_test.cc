#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "exporter/commands.h"

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string LinkOf(const std::string& listen) {
  Options options;
  options.listen = {listen, ":9"};
  const auto link = PageLink(options, "t0ken");
  return link.ok() ? *link : std::string(link.status().message());
}

TEST(PageLink, LeadsToTheFirstAddressWithTheTokenInTheFragment) {
  EXPECT_EQ(LinkOf(":10058"), "http://localhost:10058/#token=t0ken");
  EXPECT_EQ(LinkOf("0.0.0.0:80"), "http://localhost:80/#token=t0ken");
  EXPECT_EQ(LinkOf("[::]:80"), "http://localhost:80/#token=t0ken");
  EXPECT_EQ(LinkOf("[::1]:80"), "http://[::1]:80/#token=t0ken");
  EXPECT_EQ(LinkOf("host-a:80"), "http://host-a:80/#token=t0ken");
}

TEST(PageLink, SaysWhatToDoWhereThereIsNone) {
  EXPECT_THAT(LinkOf("127.0.0.1:0"), HasSubstr("--web.listen-address"));
  Options options;
  options.telemetry_path = "/";
  EXPECT_THAT(std::string(PageLink(options, "t").status().message()), HasSubstr("--web.telemetry-path"));
}

TEST(PageLink, KnowsTlsByTheWebConfiguration) {
  Options options;
  options.web_config_file = testing::TempDir() + "/open_test_web.yml";
  std::ofstream(options.web_config_file) << "tls_server_config: {cert_file: c, key_file: k}\n";
  EXPECT_EQ(*PageLink(options, "t"), "https://localhost:10058/#token=t");
  std::ofstream(options.web_config_file) << "tls_server_config: {cert_file: c}\n";
  EXPECT_THAT(std::string(PageLink(options, "t").status().message()), HasSubstr("needs both cert_file"));
}

TEST(RunOpen, ReadsTheTokenFileAndChecksThatSomethingListens) {
  const std::string path = testing::TempDir() + "/open_test_token";
  std::ofstream(path) << "0123456789abcdef0123\n";
  Options options;
  options.token_file = path;
  options.socket = "none";
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size), 0);
  options.listen = {"127.0.0.1:" + std::to_string(ntohs(address.sin_port))};
  {
    std::ostringstream out, err;
    EXPECT_EQ(RunOpen(options, out, err), 1);
    EXPECT_THAT(err.str(), HasSubstr("nothing listens at " + options.listen[0]));
  }
  ASSERT_EQ(::listen(listening, 1), 0);
  std::ostringstream out, err;
  EXPECT_EQ(RunOpen(options, out, err), 0) << err.str();
  EXPECT_EQ(out.str(), "http://" + options.listen[0] + "/#token=0123456789abcdef0123\n");
  ::close(listening);
}

TEST(RunOpen, MakesNoTokenAndSaysWhereOneComesFrom) {
  Options options;
  options.socket = "none";
  options.token_file = testing::TempDir() + "/no_such_token";
  std::ostringstream out, err;
  EXPECT_EQ(RunOpen(options, out, err), 1);
  EXPECT_EQ(out.str(), "");
  EXPECT_THAT(err.str(), AllOf(HasSubstr(options.token_file), HasSubstr("--web.token-file")));
  EXPECT_FALSE(std::ifstream(options.token_file).good());
}

}  // namespace
}  // namespace agent_exporter::exporter

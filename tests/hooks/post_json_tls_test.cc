// PostJson over TLS, to the exporter's own server, which answers a POST with 405.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "hooks/post_json.h"
#include "http/http_server.h"
#include "http/tls.h"

namespace agent_exporter::hooks {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PostJsonTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "post_json.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    unsetenv("SSL_CERT_FILE");
    std::filesystem::remove_all(directory_);
  }

  // Serves with a certificate for `names`, which nobody has signed but itself.
  void Serve(const std::string& names) {
    certificate_ = directory_ / "certificate";
    const std::string key = directory_ / "key";
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
        "-addext subjectAltName=" +
        names + " -keyout " + key + " -out " + certificate_ + " 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c)
    tls_ = http::TlsContext::Make({.cert_file = certificate_, .key_file = key}, nullptr).value();
    http::HttpOptions options;
    options.listen = {"127.0.0.1:0"};
    options.max_threads = 4;
    options.tls = tls_;
    server_ = std::make_unique<http::HttpServer>(std::move(options));
    server_->AddRoute("/hook", [](const http::HttpRequest&) { return http::HttpResponse(); });
    ASSERT_TRUE(server_->Start().ok());
  }

  absl::Status Post(const std::string& host) const {
    return PostJson("https://" + host + ":" + std::to_string(server_->ports()[0]) + "/hook", "{}", 60s, -1);
  }

  std::filesystem::path directory_;
  std::string certificate_;
  std::shared_ptr<http::TlsContext> tls_;
  std::unique_ptr<http::HttpServer> server_;
};

TEST_F(PostJsonTlsTest, ATrustedServerIsTold) {
  Serve("IP:127.0.0.1,DNS:localhost");
  setenv("SSL_CERT_FILE", certificate_.c_str(), 1);
  for (const char* host : {"127.0.0.1", "localhost"})
    EXPECT_EQ(Post(host), absl::UnknownError("HTTP status 405")) << host;
}

TEST_F(PostJsonTlsTest, AServerThatNobodyTrustsIsNot) {
  Serve("IP:127.0.0.1");
  const absl::Status status = Post("127.0.0.1");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the server's certificate: "));
}

TEST_F(PostJsonTlsTest, ACertificateForAnotherNameIsNotTaken) {
  Serve("DNS:elsewhere.example,IP:127.0.0.2");
  setenv("SSL_CERT_FILE", certificate_.c_str(), 1);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const absl::Status status = Post(host);
    EXPECT_TRUE(absl::IsUnavailable(status)) << host;
    EXPECT_THAT(std::string(status.message()), HasSubstr("mismatch")) << host;
  }
}

TEST_F(PostJsonTlsTest, AServerWithoutTlsIsAnError) {
  http::HttpOptions options;
  options.listen = {"127.0.0.1:0"};
  options.max_threads = 4;
  server_ = std::make_unique<http::HttpServer>(std::move(options));
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(absl::IsUnavailable(Post("127.0.0.1")));
}

}  // namespace
}  // namespace agent_exporter::hooks

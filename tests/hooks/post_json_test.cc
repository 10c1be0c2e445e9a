#include "hooks/post_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "tests/base/wait_for.h"
#include "tests/hooks/http_sink.h"

namespace agent_exporter::hooks {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Code = absl::StatusCode;

TEST(PostJsonTest, Posts) {
  const HttpSink sink("HTTP/1.1 204 No Content\r\n\r\n");
  const std::string body(100'000, 'x');
  EXPECT_TRUE(PostJson(sink.url(), body, 60s, -1).ok());
  ASSERT_TRUE(base::WaitFor([&] { return sink.requests().size() == 1; }));
  const std::string request = sink.requests()[0];
  EXPECT_THAT(request, StartsWith("POST /hook HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("Expect:")));
  EXPECT_THAT(request, EndsWith("\r\n\r\n" + body));
}

TEST(PostJsonTest, AnotherStatusIsAFailure) {
  const HttpSink broken("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(PostJson(broken.url(), "{}", 60s, -1).code(), Code::kUnknown);
}

TEST(PostJsonTest, TheAnswerAfterAnInterimOneCounts) {
  const HttpSink sink("HTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 503 No\r\n\r\n");
  EXPECT_EQ(PostJson(sink.url(), "{}", 60s, -1), absl::UnknownError("HTTP status 503"));
}

TEST(PostJsonTest, SendsTheUserOfTheUrl) {
  const HttpSink sink("HTTP/1.1 204 No Content\r\n\r\n");
  const std::string address = sink.url().substr(std::string("http://").size());
  EXPECT_TRUE(PostJson("http://ann:secret@" + address, "{}", 60s, -1).ok());
  ASSERT_TRUE(base::WaitFor([&] { return sink.requests().size() == 1; }));
  EXPECT_THAT(sink.requests()[0], HasSubstr("Authorization: Basic YW5uOnNlY3JldA==\r\n"));
  EXPECT_THAT(sink.requests()[0], HasSubstr("Host: 127.0.0.1:"));
}

TEST(PostJsonTest, AnAnswerThatIsNoHttpIsAFailure) {
  for (const char* answer : {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1"}) {
    const HttpSink sink(answer);
    EXPECT_EQ(PostJson(sink.url(), "{}", 60s, -1).code(), Code::kUnavailable) << answer;
  }
}

TEST(PostJsonTest, LooksUpNames) {
  const HttpSink sink("HTTP/1.1 204 No Content\r\n\r\n");
  std::string url = sink.url();
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  EXPECT_TRUE(PostJson(url, "{}", 60s, -1).ok());
  EXPECT_EQ(PostJson("http://no-such-host.invalid/", "{}", 60s, -1).code(), Code::kUnavailable);
}

TEST(PostJsonTest, FollowsNoRedirect) {
  const HttpSink target("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const HttpSink moved("HTTP/1.1 302 Found\r\nLocation: " + target.url() + "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(PostJson(moved.url(), "{}", 60s, -1).code(), Code::kUnknown);
  EXPECT_TRUE(target.requests().empty());
}

TEST(PostJsonTest, WaitsNoLongerThanItsLimit) {
  const HttpSink silent("");
  EXPECT_EQ(PostJson(silent.url(), "{}", 100ms, -1).code(), Code::kDeadlineExceeded);
}

TEST(PostJsonTest, EndsWhenCancelled) {
  const HttpSink silent("");
  const int cancel = ::eventfd(0, EFD_CLOEXEC);
  std::thread canceller([&] {
    base::WaitFor([&] { return silent.requests().size() == 1; });
    ::eventfd_write(cancel, 1);
  });
  EXPECT_EQ(PostJson(silent.url(), "{}", 10min, cancel).code(), Code::kCancelled);
  canceller.join();
  ::close(cancel);
}

TEST(PostJsonTest, OnlyHttp) {
  EXPECT_EQ(PostJson("file:///etc/hostname", "{}", 60s, -1).code(), Code::kUnavailable);
  EXPECT_EQ(PostJson("http://127.0.0.1:1/", "{}", 60s, -1).code(), Code::kUnavailable);
  EXPECT_EQ(PostJson("http://127.0.0.1:x/", "{}", 60s, -1).code(), Code::kUnavailable);
}

}  // namespace
}  // namespace agent_exporter::hooks

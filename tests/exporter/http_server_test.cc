#include "exporter/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace agent_exporter {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

// A plain TCP client: every byte on the wire is the test's own.
class Client {
 public:
  explicit Client(int port, int family = AF_INET) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval patience = {60, 0};  // a server that hangs fails the test instead of hanging it
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (family == AF_INET) {
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(port));
      connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    } else {
      sockaddr_in6 address = {};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      address.sin6_port = htons(static_cast<std::uint16_t>(port));
      connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }

  bool Send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  // Until the server closes; nullopt if it does not within the minute. A reset ends it too.
  std::optional<std::string> ReadAll() const {
    std::string text;
    char room[65536];
    for (;;) {
      const ssize_t count = recv(fd_, room, sizeof(room), 0);
      if (count == 0 || (count < 0 && errno == ECONNRESET)) return text;
      if (count < 0) return std::nullopt;
      text.append(room, static_cast<std::size_t>(count));
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::string Exchange(int port, std::string_view request) {
  Client client(port);
  EXPECT_TRUE(client.connected());
  client.Send(request);
  return client.ReadAll().value_or("no end of the answer");
}

std::string Get(int port, const std::string& target) {
  return Exchange(port, "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

std::string Body(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

// A server with /metrics, on a free port.
class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() : server_(Options()) {
    server_.AddRoute("/metrics", [this](const HttpRequest& request) {
      const std::lock_guard<std::mutex> lock(mutex_);
      last_ = request;
      accept_ = request.header("ACCEPT");
      absent_ = request.header("X-Absent");
      return HttpResponse{
          .status = 200, .content_type = "text/plain; version=0.0.4", .body = "up 1\n", .headers = {}};
    });
  }

  HttpOptions Options() {
    HttpOptions options;
    options.listen = {"127.0.0.1:0"};
    options.log = [this](std::string_view line) {
      const std::lock_guard<std::mutex> lock(mutex_);
      log_.emplace_back(line);
    };
    return options;
  }

  int Start() {
    const absl::Status status = server_.Start();
    EXPECT_TRUE(status.ok()) << status.message();
    return server_.ports().at(0);
  }

  std::mutex mutex_;
  std::vector<std::string> log_;
  HttpRequest last_;
  std::string accept_;
  std::string absent_;
  HttpServer server_;
};

TEST_F(HttpServerTest, GetIsAnsweredWithTheseHeadersAndNoOthers) {
  EXPECT_EQ(Get(Start(), "/metrics"),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; version=0.0.4\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n"
            "Content-Length: 5\r\n"
            "Cache-Control: no-store\r\n"
            "\r\n"
            "up 1\n");
}

TEST_F(HttpServerTest, HeadIsGetWithoutTheBody) {
  const int port = Start();
  const std::string get = Get(port, "/metrics");
  EXPECT_EQ(Exchange(port, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), get.substr(0, get.size() - 5));
  EXPECT_EQ(last_.method, "HEAD");
  EXPECT_THAT(Exchange(port, "HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("Content-Length: 10\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, HandlersSeeTheDecodedRequest) {
  const int port = Start();
  Exchange(port,
           "GET /%6detrics?collect[]=a&collect%5b%5D=b+c%26 HTTP/1.1\r\nHost: x\r\naccept: "
           "text/plain;q=0.5\r\n\r\n");
  EXPECT_EQ(last_.method, "GET");
  EXPECT_EQ(last_.path, "/metrics");
  EXPECT_THAT(last_.query, ElementsAre(Pair("collect[]", "a"), Pair("collect[]", "b c&")));
  EXPECT_THAT(last_.QueryValues("collect[]"), ElementsAre("a", "b c&"));
  EXPECT_THAT(last_.QueryValues("collect"), IsEmpty());
  EXPECT_EQ(accept_, "text/plain;q=0.5");
  EXPECT_EQ(absent_, "");
}

TEST_F(HttpServerTest, RoutesMatchWholePathsOnly) {
  const int port = Start();
  for (const char* target : {"/", "/metric", "/metrics/", "/metrics/x", "/metricsx", "//metrics", "/METRICS",
                             "/x/../metrics", "/./metrics", "/%2e%2e/metrics", "/x/%2e%2e/metrics",
                             "/metrics%00", "/metrics%2f", "/metrics;x", "/../../../../etc/passwd"}) {
    EXPECT_THAT(Get(port, target), StartsWith("HTTP/1.1 404 ")) << target;
  }
  EXPECT_THAT(Get(port, "/metrics?"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get(port, "http://any.example:" + std::to_string(port) + "/metrics"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get(port, "/metrics%zz"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(port, "/metrics?a=%"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, OtherMethodsAreRefusedWithAllow) {
  const int port = Start();
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const std::string headers = " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    EXPECT_THAT(Exchange(port, method + " /metrics" + headers),
                AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET, HEAD\r\n")));
    EXPECT_THAT(Exchange(port, method + " /nowhere" + headers), StartsWith("HTTP/1.1 404 "));
  }
  EXPECT_EQ(last_.method, "");
}

TEST_F(HttpServerTest, ABodyIsReadBeforeTheAnswer) {
  const int port = Start();
  const std::string third(20000, 'x');
  Client client(port);
  ASSERT_TRUE(client.Send("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"));
  for (int i = 0; i < 3; ++i) {
    // A server that had answered and closed would by now reset whoever goes on sending.
    for (int n = 0; n < 5; ++n) ASSERT_EQ(Body(Get(port, "/metrics")), "up 1\n");
    EXPECT_TRUE(client.Send(third)) << i;
  }
  EXPECT_THAT(client.ReadAll().value_or(""), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, AThrowingHandlerIsA500AndOneLogLine) {
  server_.AddRoute("/throws",
                   [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("two\nlines"); });
  server_.AddRoute("/throws-int", [](const HttpRequest&) -> HttpResponse { throw 1; });
  const int port = Start();
  EXPECT_THAT(Get(port, "/throws"), AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("lines"))));
  EXPECT_THAT(Get(port, "/throws-int"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(Get(port, "/metrics"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(log_,
              ElementsAre("the handler of /throws threw: two lines", "the handler of /throws-int threw"));
}

TEST_F(HttpServerTest, TheGuardIsAskedBeforeEveryRequest) {
  HttpOptions options = Options();
  options.guard = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.header("X-Key") == "throw") throw std::runtime_error("no");
    if (request.header("X-Key") == "right") return std::nullopt;
    return HttpResponse{.status = 401, .body = "who are you?\n"};
  };
  HttpServer guarded(options);
  guarded.AddRoute("/x", [](const HttpRequest&) { return HttpResponse{.body = "x\n"}; });
  ASSERT_TRUE(guarded.Start().ok());
  const int port = guarded.ports().at(0);
  const auto ask = [port](const std::string& target, const std::string& header) {
    return Exchange(port, target + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n");
  };
  for (const char* target : {"GET /x", "HEAD /x", "GET /nothing", "POST /x"}) {
    EXPECT_THAT(ask(target, ""), StartsWith("HTTP/1.1 401 ")) << target;
  }
  EXPECT_THAT(ask("GET /x", "X-Key: right\r\n"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("x\n")));
  EXPECT_THAT(ask("GET /nothing", "X-Key: right\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("GET /x", "X-Key: throw\r\n"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, HandlersHeadersAreSentOnOneLineEach) {
  server_.AddRoute("/page", [](const HttpRequest&) {
    HttpResponse response;
    response.status = 401;
    response.headers = {{"cache-control", "max-age=60"}, {"WWW-Authenticate", "Bearer\r\nEvil: 1"}};
    return response;
  });
  const std::string answer = Get(Start(), "/page");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\ncache-control: max-age=60\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("no-store")));
  EXPECT_THAT(answer, Not(HasSubstr("\nEvil")));
}

TEST_F(HttpServerTest, ALargeBodyArrivesWhole) {
  std::string large;
  while (large.size() < 8'000'000) large += "agent_up{agent=\"" + std::to_string(large.size()) + "\"} 1\n";
  server_.AddRoute("/large", [&](const HttpRequest&) {
    HttpResponse response;
    response.body = large;
    return response;
  });
  EXPECT_TRUE(Body(Get(Start(), "/large")) == large);
}

TEST_F(HttpServerTest, AConnectionServesOneRequest) {
  const int port = Start();
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(Body(Exchange(port, request)), "up 1\n");
  EXPECT_EQ(Body(Exchange(port, request + request)), "up 1\n") << "pipelined";
  EXPECT_EQ(Body(Exchange(port, "GET /metrics HTTP/1.0\r\n\r\n")), "up 1\n");
}

TEST_F(HttpServerTest, MalformedRequestsAreRefused) {
  const int port = Start();
  EXPECT_THAT(Exchange(port, "GET /metrics HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"),
              AnyOf(IsEmpty(), StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.1 413 "),
                    StartsWith("HTTP/1.1 431 ")));
  for (const std::string_view garbage :
       {std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls\r\n\r\n"),
        std::string_view("\r\n\r\n\r\n\r\n"), std::string_view("\0\0\0\0\r\n\r\n", 8),
        std::string_view("GET\r\n\r\n"), std::string_view("GET /metrics\r\n\r\n"),
        std::string_view("GET /metrics HTTP/9.9\r\n\r\n"), std::string_view("BREW /metrics HTTP/1.1\r\n\r\n"),
        std::string_view("GET * HTTP/1.1\r\n\r\n"), std::string_view("GET metrics HTTP/1.1\r\n\r\n"),
        std::string_view("GET http://elsewhere:1/metrics HTTP/1.1\r\n\r\n"),
        std::string_view("GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n")}) {
    EXPECT_THAT(Exchange(port, garbage), Not(HasSubstr("up 1"))) << garbage;
  }
  EXPECT_EQ(Body(Get(port, "/metrics")), "up 1\n");
}

TEST_F(HttpServerTest, SixtyFourClientsAreServedAtOnce) {
  constexpr int kClients = 64;
  std::atomic<int> inside = 0;
  std::promise<void> all_inside;
  std::shared_future<void> release(all_inside.get_future());
  server_.AddRoute("/wait", [&](const HttpRequest&) {
    if (++inside == kClients) all_inside.set_value();
    HttpResponse response;
    response.body =
        release.wait_for(std::chrono::seconds(60)) == std::future_status::ready ? "together" : "alone";
    return response;
  });
  const int port = Start();
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < kClients; ++i) {
    answers.push_back(std::async(std::launch::async, [port] { return Body(Get(port, "/wait")); }));
  }
  for (std::future<std::string>& answer : answers) EXPECT_EQ(answer.get(), "together");
}

TEST_F(HttpServerTest, ASlowClientIsCutOffWhileOthersAreServed) {
  const int port = Start();
  // Slowloris: a byte now and then, never a whole request. Ends when the server has closed the connection.
  std::atomic<bool> cut_off = false;
  std::thread slow([&] {
    Client client(port);
    client.Send("GET /metrics HTTP/1.1\r\nX: ");
    while (client.Send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cut_off = true;
  });
  std::vector<std::thread> others;
  std::atomic<int> served = 0;
  for (int i = 0; i < 8; ++i) {
    others.emplace_back([&] {
      for (int n = 0; n < 20; ++n) served += Body(Get(port, "/metrics")) == "up 1\n" ? 1 : 0;
    });
  }
  for (std::thread& other : others) other.join();
  EXPECT_EQ(served, 8 * 20);
  slow.join();
  EXPECT_TRUE(cut_off);
}

TEST_F(HttpServerTest, NoFileIsLeftOpen) {
  const int port = Start();
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  Get(port, "/metrics");
  const auto before = open_files();
  for (int i = 0; i < 500; ++i) {
    Exchange(port, i % 2 == 0 ? "GET /metrics HTTP/1.1\r\n\r\n" : "garbage\r\n\r\n");
    if (i % 50 == 0) Client(port).Send("GET /met");
  }
  // Connections given up half-way end with the request timeout.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (open_files() > before && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LE(open_files(), before);
}

TEST_F(HttpServerTest, StopEndsIdleSlowAndDeafClientsSoon) {
  server_.AddRoute("/large", [](const HttpRequest&) {
    HttpResponse response;
    response.body.assign(64 << 20, 'x');
    return response;
  });
  // Five rounds: civetweb alone takes two seconds for each.
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < 5; ++round) {
    const int port = Start();
    Client idle(port);
    const Client slow(port);
    const Client deaf(port);
    ASSERT_TRUE(idle.connected() && slow.Send("GET /metrics HT") && deaf.Send("GET /large HTTP/1.1\r\n\r\n"));
    ASSERT_EQ(Body(Get(port, "/metrics")), "up 1\n");
    server_.Stop();
    EXPECT_EQ(idle.ReadAll(), "");
    EXPECT_FALSE(Client(port).connected());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(HttpServerTest, StopWaitsForARunningHandler) {
  std::promise<void> entered;
  std::promise<void> release;
  std::atomic<bool> left = false;
  server_.AddRoute("/slow", [&](const HttpRequest&) {
    entered.set_value();
    release.get_future().wait();
    left = true;
    HttpResponse response;
    response.body = "done";
    return response;
  });
  const int port = Start();
  std::future<std::string> answer = std::async(std::launch::async, [port] { return Get(port, "/slow"); });
  entered.get_future().wait();
  std::future<void> stopped = std::async(std::launch::async, [&] {
    server_.Stop();
    EXPECT_TRUE(left);
  });
  // The listener goes first: once it refuses, the stop is under way.
  while (Client(port).connected()) std::this_thread::yield();
  release.set_value();
  stopped.get();
  EXPECT_THAT(answer.get(), AnyOf(IsEmpty(), EndsWith("\r\n\r\ndone")));
  server_.Stop();  // a second one does nothing
}

TEST_F(HttpServerTest, TwoServersDoNotDisturbEachOther) {
  const int port = Start();
  {
    HttpOptions options;
    options.listen = {"127.0.0.1:0", "localhost:0"};
    HttpServer other(options);
    other.AddRoute("/other", [](const HttpRequest&) { return HttpResponse(); });
    ASSERT_TRUE(other.Start().ok());
    ASSERT_EQ(other.ports().size(), 2u);
    EXPECT_NE(other.ports()[0], other.ports()[1]);
    for (const int one : other.ports()) EXPECT_THAT(Get(one, "/other"), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_EQ(Body(Get(port, "/metrics")), "up 1\n");
}

TEST_F(HttpServerTest, StartSaysInOneLineWhatIsWrong) {
  const std::string taken = "127.0.0.1:" + std::to_string(Start());
  const auto start = [](std::vector<std::string> listen) {
    HttpOptions options;
    options.listen = std::move(listen);
    HttpServer server(options);
    const absl::Status status = server.Start();
    EXPECT_TRUE(server.ports().empty());
    return status;
  };
  EXPECT_EQ(start({taken}),
            absl::FailedPreconditionError("cannot listen on " + taken + ": address already in use"));
  EXPECT_EQ(start({"127.0.0.1:0", taken}),
            absl::FailedPreconditionError("cannot listen on " + taken + ": address already in use"));
  EXPECT_EQ(start({"127.0.0.1"}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(start({}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(server_.Start().code(), absl::StatusCode::kFailedPrecondition) << "already running";
}

TEST(HttpServerPrivilegeTest, APrivilegedPortIsNamedToo) {
  int first_free = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free < 2) GTEST_SKIP() << "no port is privileged here";
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (getuid() == 0 && setuid(kNobody) != 0) _exit(2);
    HttpOptions options;
    options.listen = {"127.0.0.1:1"};
    HttpServer server(options);
    const absl::Status status = server.Start();
    _exit(std::string(status.message()).find("cannot listen on 127.0.0.1:1: permission denied") == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(HttpServerTest, APortAloneIsReachedOverEveryFamilyServed) {
  HttpOptions options;
  options.listen = {":0"};
  HttpServer server(options);
  server.AddRoute("/", [](const HttpRequest&) { return HttpResponse(); });
  ASSERT_TRUE(server.Start().ok());
  const int port = server.ports().at(0);
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 200 "));
  HttpOptions v6;
  v6.listen = {"[::1]:0"};
  if (!HttpServer(v6).Start().ok()) GTEST_SKIP() << "no IPv6 in this civetweb or on this host";
  Client client(port, AF_INET6);
  ASSERT_TRUE(client.connected());
  client.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.ReadAll().value_or(""), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace agent_exporter

// How a server starts and stops.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "http/listening_socket.h"
#include "tests/base/refusing_system.h"
#include "tests/http/http_server_fixture.h"

namespace agent_exporter::http {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using HttpServerStartTest = HttpServerTest;

TEST_F(HttpServerStartTest, StopDoesNotWaitForIdleSlowAndDeafClients) {
  // civetweb alone would wait for each of them until its request timeout: the test's own timeout comes first.
  HttpOptions options = Options();
  options.request_timeout_ms = 3'600'000;
  HttpServer server(options);
  server.AddRoute("/large", [](const HttpRequest&) {
    HttpResponse response;
    response.body.assign(64 << 20, 'x');
    return response;
  });
  server.AddRoute("/small", [](const HttpRequest&) {
    HttpResponse response;
    response.body = "small";
    return response;
  });
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(server.Start().ok());
    const int port = server.ports().at(0);
    Client idle(port);
    const Client slow(port);
    const Client deaf(port);
    ASSERT_TRUE(idle.connected() && slow.Send("GET /metrics HT") && deaf.Send("GET /large HTTP/1.1\r\n\r\n"));
    ASSERT_EQ(Body(Get(port, "/small")), "small");
    server.Stop();
    EXPECT_EQ(idle.ReadAll(), "");
    EXPECT_FALSE(Client(port).connected());
  }
}

TEST_F(HttpServerStartTest, AGivenSocketIsUsedAndGoesOnListening) {
  for (const int family : {AF_INET, AF_INET6}) {
    const base::Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.ok()) continue;               // no IPv6 here
    ASSERT_EQ(::listen(socket.get(), 8), 0);  // on any free port of all addresses
    HttpOptions options = Options();
    options.listen.clear();
    options.sockets = {socket.get()};
    HttpServer server(options);
    server.AddRoute("/", [](const HttpRequest&) { return HttpResponse{.body = "here\n"}; });
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(server.Start().ok());
      const int port = server.ports().at(0);
      EXPECT_EQ(port, LocalPort(socket.get()).value());
      EXPECT_EQ(Body(Get(port, "/")), "here\n");
      server.Stop();
      EXPECT_TRUE(Client(port).connected());
    }
  }
}

TEST_F(HttpServerStartTest, AGivenFileThatIsNoTcpSocketIsRefused) {
  const base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  HttpOptions options = Options();
  options.sockets = {socket.get()};
  EXPECT_FALSE(HttpServer(options).Start().ok());
}

TEST_F(HttpServerStartTest, WithoutThreadsOfItsOwnItAnswersAndStops) {
  base::RefusingSystem system;
  system.threads = 0;
  HttpOptions options = Options();
  options.system = &system;
  HttpServer server(options);
  server.AddRoute("/", [](const HttpRequest&) { return HttpResponse{.body = "here\n"}; });
  ASSERT_TRUE(server.Start().ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Body(Get(server.ports().at(0), "/")), "here\n");
  server.Stop();
}

TEST_F(HttpServerStartTest, StopWaitsForARunningHandler) {
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

TEST_F(HttpServerStartTest, TwoServersDoNotDisturbEachOther) {
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

TEST_F(HttpServerStartTest, AServerThatNobodyAskedAnythingStops) {
  for (int i = 0; i < 5; ++i) {
    HttpOptions options;
    options.listen = {"127.0.0.1:0"};
    HttpServer server(options);
    ASSERT_TRUE(server.Start().ok());
  }
}

TEST_F(HttpServerStartTest, StartSaysInOneLineWhatIsWrong) {
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

TEST_F(HttpServerStartTest, APortAloneIsReachedOverEveryFamilyServed) {
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
}  // namespace agent_exporter::http

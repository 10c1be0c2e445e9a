// Many clients at once, slow ones, and such as go away.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "tests/http/http_server_fixture.h"

namespace agent_exporter::http {
namespace {

using HttpServerClientsTest = HttpServerTest;

TEST_F(HttpServerClientsTest, AsManyClientsAsThreadsAreServedAtOnce) {
  const int kClients = HttpOptions().max_threads;
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

TEST_F(HttpServerClientsTest, ASlowClientIsCutOffWhileOthersAreServed) {
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

// 100 clients send `start` and then a byte now and then, and connect again when they are cut off.
void ServesOthersDespiteDrips(HttpOptions options, const std::string& start) {
  options.max_threads = 8;
  options.request_timeout_ms = 3'600'000;  // civetweb itself would wait for them forever
  HttpServer server(options);
  server.AddRoute("/metrics", [](const HttpRequest&) { return HttpResponse{.body = "up 1\n"}; });
  ASSERT_TRUE(server.Start().ok());
  const int port = server.ports().at(0);
  std::vector<std::unique_ptr<Client>> drips;
  for (int i = 0; i < 100; ++i) {
    drips.push_back(std::make_unique<Client>(port));
    drips.back()->Send(start);
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Body(Get(port, "/metrics")), "up 1\n");
    for (auto& drip : drips) {
      if (drip->Send("x")) continue;
      drip = std::make_unique<Client>(port);
      drip->Send(start);
    }
  }
}

TEST_F(HttpServerClientsTest, OthersAreServedWhileMoreClientsThanThreadsDrip) {
  ServesOthersDespiteDrips(Options(), "GET /metrics HTTP/1.1\r\nX: ");
  ServesOthersDespiteDrips(Options(), "GET /metrics HTTP/1.1\r\nContent-Length: 9999\r\n\r\n");
}

TEST_F(HttpServerClientsTest, OthersAreServedOnAGivenSocketToo) {
  const base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(socket.get(), 64), 0);  // on any free port
  HttpOptions options = Options();
  options.sockets = {socket.get()};
  ServesOthersDespiteDrips(options, "GET /metrics HTTP/1.1\r\nX: ");
}

TEST_F(HttpServerClientsTest, OthersAreServedWhileMoreClientsThanThreadsDoNotRead) {
  HttpOptions options = Options();
  options.max_threads = 8;
  options.request_timeout_ms = 3'600'000;
  HttpServer server(options);
  server.AddRoute("/large",
                  [](const HttpRequest&) { return HttpResponse{.body = std::string(32 << 20, 'x')}; });
  server.AddRoute("/metrics", [](const HttpRequest&) { return HttpResponse{.body = "up 1\n"}; });
  ASSERT_TRUE(server.Start().ok());
  const int port = server.ports().at(0);
  std::vector<std::unique_ptr<Client>> deaf;
  for (int i = 0; i < 24; ++i) {
    deaf.push_back(std::make_unique<Client>(port));
    deaf.back()->Send("GET /large HTTP/1.1\r\n\r\n");
  }
  EXPECT_EQ(Body(Get(port, "/metrics")), "up 1\n");
}

TEST_F(HttpServerClientsTest, NoFileIsLeftOpen) {
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

}  // namespace
}  // namespace agent_exporter::http

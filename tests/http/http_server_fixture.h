// An HttpServer on a free port, and a client whose every byte on the wire is the test's own.

#ifndef AGENT_EXPORTER_TESTS_HTTP_HTTP_SERVER_FIXTURE_H_
#define AGENT_EXPORTER_TESTS_HTTP_HTTP_SERVER_FIXTURE_H_

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http_server.h"

namespace agent_exporter::http {

// A plain TCP client.
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

inline std::string Exchange(int port, std::string_view request) {
  Client client(port);
  EXPECT_TRUE(client.connected());
  client.Send(request);
  return client.ReadAll().value_or("no end of the answer");
}

inline std::string Get(int port, const std::string& target) {
  return Exchange(port, "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

inline std::string Body(const std::string& answer) {
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

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_TESTS_HTTP_HTTP_SERVER_FIXTURE_H_

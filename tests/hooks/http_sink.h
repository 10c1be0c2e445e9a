// The simplest server that a POST can be sent to: one request a connection, what it got is kept.

#ifndef AGENT_EXPORTER_TESTS_HOOKS_HTTP_SINK_H_
#define AGENT_EXPORTER_TESTS_HOOKS_HTTP_SINK_H_

#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace agent_exporter::hooks {

class HttpSink {
 public:
  // What it says to every request; "": nothing, ever.
  explicit HttpSink(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~HttpSink() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int fd : silent_) ::close(fd);
    ::close(listener_);
  }
  HttpSink(const HttpSink&) = delete;
  HttpSink& operator=(const HttpSink&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  std::vector<std::string> requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0;
         fd = ::accept(listener_, nullptr, nullptr)) {
      std::string request = Read(fd);
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        requests_.push_back(std::move(request));  // before the answer, after which a test asks for it
      }
      if (!answer_.empty()) (void)!::write(fd, answer_.data(), answer_.size());
      if (answer_.empty()) {
        silent_.push_back(fd);
      } else {
        ::close(fd);
      }
    }
  }

  static std::string Read(int fd) {
    std::string text;
    char buffer[4096];
    while (true) {
      if (const size_t end = text.find("\r\n\r\n"); end != std::string::npos) {
        const size_t header = text.find("Content-Length: ");
        if (header == std::string::npos || text.size() >= end + 4 + std::stoul(text.substr(header + 16)))
          return text;
      }
      const ssize_t got = ::read(fd, buffer, sizeof buffer);
      if (got <= 0) return text;
      text.append(buffer, static_cast<size_t>(got));
    }
  }

  std::string answer_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<int> silent_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_TESTS_HOOKS_HTTP_SINK_H_

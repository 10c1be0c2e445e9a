#include "base/systemd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace agent_exporter::base {
namespace {

constexpr int kFirstListenFd = 3;  // SD_LISTEN_FDS_START

std::string_view SystemdVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int Number(std::string_view text) {
  int number = -1;
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) ? number : -1;
}

}  // namespace

Systemd::Systemd() : socket_(SystemdVariable("NOTIFY_SOCKET")) {}

void Systemd::Ready(const std::string& status) const {
  Notify(absl::StrCat("READY=1\nSTATUS=", absl::StrReplaceAll(status, {{"\n", " "}}), "\n"));
}

void Systemd::Reloading() const {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t microseconds = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  Notify(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", microseconds, "\n"));
}

void Systemd::Stopping() const { Notify("STOPPING=1\n"); }

void Systemd::Notify(const std::string& message) const {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract socket
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.ok()) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)!::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&address), length);
}

std::vector<Descriptor> TakeListenSockets() {
  std::vector<Descriptor> sockets;
  if (Number(SystemdVariable("LISTEN_PID")) == getpid()) {
    const int count = Number(SystemdVariable("LISTEN_FDS"));
    for (int fd = kFirstListenFd; fd < kFirstListenFd + count; ++fd) {
      if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) sockets.emplace_back(fd);
    }
  }
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  return sockets;
}

bool LogsToJournal() {
  struct stat stat = {};
  return fstat(STDERR_FILENO, &stat) == 0 &&
         SystemdVariable("JOURNAL_STREAM") == absl::StrCat(stat.st_dev, ":", stat.st_ino);
}

}  // namespace agent_exporter::base

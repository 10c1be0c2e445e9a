#include "base/system.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::base {

System& System::Real() {
  static System* const real = new System;
  return *real;
}

absl::StatusOr<std::thread> System::StartThread(std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot start a thread: ", error.code().message()));
  }
}

Descriptor System::Accept(int socket) {
  return Descriptor(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

ssize_t System::Write(int fd, const void* data, size_t size) { return ::write(fd, data, size); }

int System::Rename(const std::string& from, const std::string& to) {
  return std::rename(from.c_str(), to.c_str());
}

}  // namespace agent_exporter::base

#include "run/serve_socket.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "run/slot_messages.h"

namespace agent_exporter::run {

absl::StatusOr<base::Descriptor> ConnectToServe(const std::string& socket_path,
                                                std::chrono::milliseconds patience) {
  const auto address = SlotAddress(socket_path);
  if (!address.ok()) return address.status();
  base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.ok()) return absl::ErrnoToStatus(errno, "making a socket");
  const timeval wait{patience.count() / 1000, patience.count() % 1000 * 1000};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return absl::NotFoundError(absl::StrCat("no service listens at ", socket_path, ": ", strerror(errno)));
  }
  return socket;
}

absl::Status SendLine(const base::Descriptor& socket, std::string_view line) {
  if (send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return absl::UnavailableError("serve has gone away");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReceiveLine(const base::Descriptor& socket) {
  std::string line;
  char buffer[16 << 10];
  while (line.size() < kLongestSlotReply) {
    const ssize_t got = recv(socket.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::DeadlineExceededError("serve does not answer");
    if (got == 0) return absl::UnavailableError("serve has gone away");
    line.append(buffer, static_cast<size_t>(got));
    if (line.back() == '\n') return line;
  }
  return absl::InvalidArgumentError("serve's answer is too long");
}

}  // namespace agent_exporter::run

#include "run/slot_client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace agent_exporter::run {
namespace {

constexpr timeval kServePatience{5, 0};

}  // namespace

absl::StatusOr<std::unique_ptr<SlotClient>> SlotClient::HandOver(const std::string& socket_path,
                                                                 const SlotRequest& request) {
  const auto address = SlotAddress(socket_path);
  if (!address.ok()) return address.status();
  base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.ok()) return absl::ErrnoToStatus(errno, "making a socket");
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kServePatience, sizeof(kServePatience));
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kServePatience, sizeof(kServePatience));
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return absl::NotFoundError(absl::StrCat("no serve listens at ", socket_path, ": ", strerror(errno)));
  }
  std::unique_ptr<SlotClient> client(new SlotClient(std::move(socket)));
  const auto reply = client->Ask(SlotRequestLine(request));
  if (!reply.ok()) return reply.status();
  if (absl::Status status = ParseSlotReply(*reply); !status.ok()) return status;
  return client;
}

absl::StatusOr<SlotReport> SlotClient::End(const SlotEnd& end) {
  const auto reply = Ask(SlotEndLine(end));
  if (!reply.ok()) return reply.status();
  return ParseSlotReport(*reply);
}

absl::StatusOr<std::string> SlotClient::Ask(const std::string& line) {
  if (send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return absl::UnavailableError("serve has gone away");
  }
  std::string reply;
  char buffer[16 << 10];
  while (reply.size() < kLongestSlotReply) {
    const ssize_t got = recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::DeadlineExceededError("serve does not answer");
    if (got == 0) return absl::UnavailableError("serve has gone away");
    reply.append(buffer, static_cast<size_t>(got));
    if (reply.back() == '\n') return reply;
  }
  return absl::InvalidArgumentError("serve's answer is too long");
}

}  // namespace agent_exporter::run

#include "run/ask.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/descriptor.h"
#include "run/name_claims.h"
#include "run/serve_socket.h"
#include "run/slot_messages.h"

namespace agent_exporter::run {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kServePatience{5};

absl::StatusOr<base::Descriptor> MemoryFile(std::string_view text) {
  base::Descriptor file(::memfd_create("answer", MFD_CLOEXEC));
  if (!file.ok()) return absl::ErrnoToStatus(errno, "memfd_create");
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written <= 0) return absl::ErrnoToStatus(errno, "writing an answer");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return file;
}

// One control message with one descriptor (cmsg(3)).
struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int))] = {};
};

void SendReply(int socket, std::string line, const base::Descriptor* file) {
  iovec data{line.data(), line.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (file != nullptr) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = file->get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  (void)!::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Reads up to the newline; the reply is short. *file gets the descriptor that came with it, if any.
absl::StatusOr<std::string> ReceiveReply(int socket, base::Descriptor* file) {
  std::string line;
  while (line.size() < kLongestSlotRequest) {
    char buffer[4096];
    iovec data{buffer, sizeof(buffer)};
    Control control;
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::DeadlineExceededError("the service does not answer");
    if (got == 0) return absl::UnavailableError("the service hung up");
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      *file = base::Descriptor(fd);
    }
    line.append(buffer, static_cast<size_t>(got));
    if (line.back() == '\n') return line;
  }
  return absl::InvalidArgumentError("the service's answer is too long");
}

absl::StatusOr<std::string> ReadAll(const base::Descriptor& file) {
  std::string text;
  char buffer[64 << 10];
  while (true) {
    // The file's position is where serve stopped writing.
    const ssize_t got = ::pread(file.get(), buffer, sizeof(buffer), static_cast<off_t>(text.size()));
    if (got < 0) return absl::ErrnoToStatus(errno, "reading the service's answer");
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

std::optional<json> ParseQuestion(std::string_view line) {
  json message = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || !message.contains("ask") || !message["ask"].is_string()) return std::nullopt;
  return message;
}

void AnswerQuestion(int socket, uid_t uid, const json& question, const Answerer& answerer) {
  absl::StatusOr<std::string> answer =
      absl::PermissionDeniedError("the service answers only its own user and root");
  if (IsTrustedUser(uid)) answer = answerer(question);
  absl::Status status = answer.status();
  if (status.ok()) {
    const auto file = MemoryFile(*answer);
    if (file.ok()) return SendReply(socket, MessageLine({{"ok", true}}), &*file);
    status = file.status();
  }
  SendReply(
      socket,
      MessageLine({{"error", std::string(status.message())}, {"code", static_cast<int>(status.code())}}),
      nullptr);
}

absl::StatusOr<std::string> AskServe(const std::string& socket_path, const json& question) {
  const auto socket = ConnectToServe(socket_path, kServePatience);
  if (!socket.ok()) return socket.status();
  if (absl::Status status = SendLine(*socket, MessageLine(question)); !status.ok()) return status;
  base::Descriptor file;
  const auto reply = ReceiveReply(socket->get(), &file);
  if (!reply.ok()) return reply.status();
  if (file.ok()) return ReadAll(file);
  const json message = json::parse(*reply, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) return absl::UnavailableError("the service's answer is not understood");
  return absl::Status(
      static_cast<absl::StatusCode>(message.value("code", static_cast<int>(absl::StatusCode::kUnavailable))),
      message.value("error", "the service does not answer this question"));
}

}  // namespace agent_exporter::run

#include "run/slot_client.h"

#include <chrono>
#include <utility>

#include "run/serve_socket.h"

namespace agent_exporter::run {
namespace {

constexpr std::chrono::seconds kServePatience{5};

}  // namespace

absl::StatusOr<std::unique_ptr<SlotClient>> SlotClient::HandOver(const std::string& socket_path,
                                                                 const SlotRequest& request) {
  auto socket = ConnectToServe(socket_path, kServePatience);
  if (!socket.ok()) return socket.status();
  std::unique_ptr<SlotClient> client(new SlotClient(*std::move(socket)));
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
  if (absl::Status status = SendLine(socket_, line); !status.ok()) return status;
  return ReceiveLine(socket_);
}

}  // namespace agent_exporter::run

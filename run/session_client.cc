#include "run/session_client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/descriptor.h"
#include "base/label_value.h"
#include "run/slot_messages.h"

namespace agent_exporter::run {
namespace {

using nlohmann::json;

constexpr timeval kStatusPatience{0, 500'000};
// A status bar is short: more names than these are only counted.
constexpr size_t kMostNames = 3;

// "1 waits: webshop", "4 stuck: a, b, c …".
std::string Named(const std::vector<std::string>& names, std::string_view one, std::string_view many) {
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kMostNames));
  return absl::StrCat(names.size(), " ", std::string(names.size() == 1 ? one : many), ": ",
                      absl::StrJoin(shown, ", "), names.size() > kMostNames ? " …" : "");
}

}  // namespace

std::string SessionsRequestLine() { return "{\"sessions\": {}}\n"; }

bool IsSessionsRequest(std::string_view line) {
  const json message = json::parse(line, nullptr, /*allow_exceptions=*/false);
  return message.is_object() && message.contains("sessions");
}

std::string SessionsReplyLine(const sessions::SessionsView& view, uid_t uid) {
  json list = json::array();
  for (const sessions::Session& session : view.sessions) {
    if (!session.status || (uid != 0 && session.uid != uid)) continue;
    list.push_back({{"agent", base::LabelValue(session.agent)},
                    {"session", session.name},
                    {"state", sessions::Name(*session.status)}});
  }
  return json{{"sessions", std::move(list)}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::vector<SessionNote>> ParseSessionsReply(std::string_view line) {
  const json message = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || !message.contains("sessions") || !message["sessions"].is_array()) {
    return absl::InvalidArgumentError("serve's answer has no sessions");
  }
  std::vector<SessionNote> notes;
  for (const json& session : message["sessions"]) {
    SessionNote note;
    for (const auto& [key, field] : {std::pair("agent", &note.agent), std::pair("session", &note.session),
                                     std::pair("state", &note.state)}) {
      if (!session.is_object() || !session.contains(key) || !session[key].is_string()) {
        return absl::InvalidArgumentError(absl::StrCat("serve's answer has a session without ", key));
      }
      *field = session[key].get<std::string>();
    }
    notes.push_back(std::move(note));
  }
  return notes;
}

absl::StatusOr<std::vector<SessionNote>> AskForSessions(const std::string& socket_path) {
  const auto address = SlotAddress(socket_path);
  if (!address.ok()) return address.status();
  const base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.ok()) return absl::ErrnoToStatus(errno, "making a socket");
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kStatusPatience, sizeof(kStatusPatience));
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kStatusPatience, sizeof(kStatusPatience));
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return absl::NotFoundError(absl::StrCat("no serve listens at ", socket_path));
  }
  const std::string request = SessionsRequestLine();
  if (send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return absl::UnavailableError("serve has gone away");
  }
  std::string reply;
  char buffer[16 << 10];
  while (reply.size() < kLongestSlotReply) {
    const ssize_t got = recv(socket.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::UnavailableError("serve does not answer");
    reply.append(buffer, static_cast<size_t>(got));
    if (reply.back() == '\n') return ParseSessionsReply(reply);
  }
  return absl::InvalidArgumentError("serve's answer is too long");
}

std::string SessionsLine(const std::vector<SessionNote>& sessions) {
  size_t working = 0, idle = 0;
  std::vector<std::string> waiting, stuck, parts;
  for (const SessionNote& note : sessions) {
    working += note.state == "working" ? 1 : 0;
    idle += note.state == "idle" ? 1 : 0;
    if (note.state == "waiting") waiting.push_back(note.session);
    if (note.state == "stuck") stuck.push_back(note.session);
  }
  if (working > 0) parts.push_back(absl::StrCat(working, " working"));
  if (!waiting.empty()) parts.push_back(Named(waiting, "waits", "wait"));
  if (!stuck.empty()) parts.push_back(Named(stuck, "stuck", "stuck"));
  if (parts.empty() && idle > 0) parts.push_back(absl::StrCat(idle, " idle"));
  return absl::StrJoin(parts, " · ");
}

}  // namespace agent_exporter::run

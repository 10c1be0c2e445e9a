#include "run/session_client.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/label_value.h"
#include "run/serve_socket.h"
#include "run/slot_messages.h"

namespace agent_exporter::run {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kStatusPatience{500};
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
  return MessageLine({{"sessions", std::move(list)}});
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
  const auto socket = ConnectToServe(socket_path, kStatusPatience);
  if (!socket.ok()) return socket.status();
  if (absl::Status status = SendLine(*socket, SessionsRequestLine()); !status.ok()) return status;
  const auto reply = ReceiveLine(*socket);
  if (!reply.ok()) return reply.status();
  return ParseSessionsReply(*reply);
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

#include "hooks/session_events.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "sessions/json_fields.h"

namespace agent_exporter::hooks {
namespace {

using sessions::Session;
using sessions::SessionStatus;

const char* EventOf(std::optional<SessionStatus> status) {
  if (status == SessionStatus::kWaiting) return kOnWaiting;
  if (status == SessionStatus::kStuck) return kOnStuck;
  return nullptr;
}

std::string Message(const Session& session) {
  const std::string who = absl::StrCat(base::LabelValue(session.agent), " ", session.name);
  if (session.status == SessionStatus::kStuck) return absl::StrCat(who, " is stuck");
  return absl::StrCat(who, " waits for you: ", session.state.waiting_for.value_or("permission"));
}

HookEvent SessionEvent(const char* on, const Session& session) {
  HookEvent event{.on = on,
                  .agent = base::LabelValue(session.agent),
                  .timestamp = sessions::TimeText(session.status_since)};
  const std::string message = Message(session);
  event.details["message"] = message;
  if (!session.kind.empty()) event.details["kind"] = base::LabelValue(session.kind);
  if (!session.slot.empty()) event.details["slot"] = base::LabelValue(session.slot);
  event.details["session"] = session.name;
  event.details["pid"] = session.key.pid;
  if (session.state.waiting_for) event.details["waiting_for"] = *session.state.waiting_for;
  if (session.state.tool) event.details["tool"] = *session.state.tool;
  event.environment = {{"AGENT_EXPORTER_MESSAGE", message}, {"AGENT_EXPORTER_SESSION", session.name}};
  return event;
}

}  // namespace

void TellSessionEvents(const sessions::SessionsView& before, const sessions::SessionsView& now,
                       const std::function<void(const HookEvent&)>& tell) {
  for (const Session& session : now.sessions) {
    const char* event = EventOf(session.status);
    if (event == nullptr) continue;
    const auto known = std::find_if(before.sessions.begin(), before.sessions.end(),
                                    [&session](const Session& other) { return other.key == session.key; });
    // One that was not there before may have waited for hours, if it is the exporter that has just begun.
    const bool is_first = known == before.sessions.end() && before.sessions.empty();
    if (is_first || (known != before.sessions.end() && EventOf(known->status) == event)) continue;
    tell(SessionEvent(event, session));
  }
}

}  // namespace agent_exporter::hooks

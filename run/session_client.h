// Asks the running serve for the sessions of one's own user, over the slot socket (run/slot_messages.h):
//
//   client  {"sessions": {}}
//   serve   {"sessions": [{"agent": "claude", "session": "web", "state": "waiting"}]}, after which it hangs
//   up
//
// Root gets those of all users.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_RUN_SESSION_CLIENT_H_
#define AGENT_EXPORTER_RUN_SESSION_CLIENT_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sessions/session.h"

namespace agent_exporter::run {

struct SessionNote {
  std::string agent, session, state;

  friend bool operator==(const SessionNote&, const SessionNote&) = default;
};

std::string SessionsRequestLine();
bool IsSessionsRequest(std::string_view line);
// serve's answer for the user `uid`. Sessions of an unknown state are left out.
std::string SessionsReplyLine(const sessions::SessionsView& view, uid_t uid);
// InvalidArgument for anything else.
absl::StatusOr<std::vector<SessionNote>> ParseSessionsReply(std::string_view line);

// Waits at most half a second. NotFound if no serve listens at the path.
absl::StatusOr<std::vector<SessionNote>> AskForSessions(const std::string& socket_path);

// "2 working · 1 waits: webshop · 1 stuck: api"; "" where there is nothing to say.
std::string SessionsLine(const std::vector<SessionNote>& sessions);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SESSION_CLIENT_H_

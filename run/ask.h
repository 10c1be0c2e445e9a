// Questions of the program's other commands to the serve that runs on the host, over the slot socket
// (run/slot_messages.h). One question a connection:
//
//   command  {"ask": "status", "wide": true}
//   serve    {"ok": true} with a descriptor (SCM_RIGHTS) of a memory file that holds the answer,
//            or {"error": "…", "code": 5}
//
// The answer is in a memory file so that a slow reader never blocks serve. Only serve's own user and root
// get answers.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_RUN_ASK_H_
#define AGENT_EXPORTER_RUN_ASK_H_

#include <sys/types.h>

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace agent_exporter::run {

// What serve answers; `question` is the whole message.
using Answerer = std::function<absl::StatusOr<std::string>(const nlohmann::json& question)>;

// serve's side: the question, if this line is one.
std::optional<nlohmann::json> ParseQuestion(std::string_view line);
// Answers on the connected `socket` without ever waiting for the peer, which must have the user id `uid`.
void AnswerQuestion(int socket, uid_t uid, const nlohmann::json& question, const Answerer& answerer);

// The command's side. NotFound: nobody listens at the path. PermissionDenied: serve runs as another user.
// Other errors are serve's. Waits at most five seconds.
absl::StatusOr<std::string> AskServe(const std::string& socket_path, const nlohmann::json& question);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_ASK_H_

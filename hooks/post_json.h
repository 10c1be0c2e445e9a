// One HTTP POST. Proxies are not supported.
//
// Thread safety: safe to call from several threads at once.

#ifndef AGENT_EXPORTER_HOOKS_POST_JSON_H_
#define AGENT_EXPORTER_HOOKS_POST_JSON_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"

namespace agent_exporter::hooks {

// Posts `body` as application/json. http and https only, certificates are checked, redirects are not
// followed, the answer's body is not kept. A user and a password in the URL are sent (Basic). Ends at once
// when `cancel_fd` becomes readable (-1: never). OK for a status of 200 to 299. DeadlineExceeded; Cancelled;
// Unavailable if there was no answer for another reason; Unknown for another status.
absl::Status PostJson(const std::string& url, const std::string& body, std::chrono::milliseconds time_limit,
                      int cancel_fd);

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_POST_JSON_H_

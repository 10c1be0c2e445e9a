// Finds out what a reader has to know of a process: whose it is, where it works, where its files are.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_PROCESSES_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_PROCESSES_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "agents/rules.h"
#include "kernel/process_files.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"
#include "sessions/session_reader.h"

namespace agent_exporter::sessions {

// A user's home directory, or empty if there is no such user.
using HomeOf = std::function<std::optional<std::string>(uid_t)>;
std::optional<std::string> HomeFromUserDatabase(uid_t uid);

class SessionProcesses {
 public:
  // `procfs` is where procfs is mounted.
  SessionProcesses(const std::string& procfs, HomeOf home_of);

  // Without `held` and `alone`. NotFound if it went.
  absl::StatusOr<SessionProcess> Describe(const kernel::ProcessKey& key, double start_seconds);

  // The built-in profile with a reader that knows the process, whatever its agent is called, or "".
  const std::string& ProfileOf(const agents::ProcessSample& process);

  kernel::ProcessFiles& files() { return files_; }

 private:
  const kernel::RootedReader proc_;
  const HomeOf home_of_;
  kernel::ProcessFiles files_;
  kernel::Unreadable unreadable_;  // counted by those who watch the process
  const agents::RuleSet profiles_;
  std::map<std::tuple<kernel::ProcessKey, std::string>, std::string> known_;  // with comm: an exec changes it
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_PROCESSES_H_

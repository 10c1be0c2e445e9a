// `agent_exporter tmux-status`: one short line for the status bar of tmux, from the running service.

#include <string>

#include "exporter/commands.h"
#include "run/session_client.h"
#include "run/slot_service.h"

namespace agent_exporter::exporter {

// A status bar has no place for errors, and asks again in a moment: without a service there is nothing to
// say.
int RunTmuxStatus(const Options& options, std::ostream& out) {
  for (const std::string& path : run::SlotSocketPaths(options.socket, false)) {
    const auto sessions = run::AskForSessions(path);
    if (!sessions.ok()) continue;
    out << run::SessionsLine(*sessions) << std::endl;
    return 0;
  }
  out << std::endl;
  return 0;
}

}  // namespace agent_exporter::exporter

// `agent_exporter tmux-status`: one short line for the status bar of tmux, from the running service.

#include <string>

#include "absl/strings/str_replace.h"
#include "exporter/commands.h"
#include "exporter/text_table.h"
#include "run/session_client.h"
#include "run/slot_service.h"

namespace agent_exporter::exporter {

// A status bar has no place for errors, and asks again in a moment: without a service there is nothing to
// say.
int RunTmuxStatus(const Options& options, std::ostream& out) {
  for (const std::string& path : run::SlotSocketPaths(options.socket, false)) {
    const auto sessions = run::AskForSessions(path);
    if (!sessions.ok()) continue;
    // tmux expands #{…} and #[…] in what it gets, and shows ## as #.
    out << absl::StrReplaceAll(Printable(run::SessionsLine(*sessions)), {{"#", "##"}}) << std::endl;
    return 0;
  }
  out << std::endl;
  return 0;
}

}  // namespace agent_exporter::exporter

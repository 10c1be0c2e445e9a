// Fuzz target: what Claude Code pipes into its status line command, and the file that is kept of it, which
// the session's user can write.

#include <string_view>

#include "fuzz/targets.h"
#include "sessions/statusline_file.h"

namespace agent_exporter::fuzz {

void FuzzStatusline(std::string_view data) {
  if (const auto line = sessions::ParseStatuslineInput(data, 5); line.ok()) {
    const auto again = sessions::ParseStatuslineFile(sessions::StatuslineText(*line));
    Require(again.ok() && *again == *line, "a status line is not kept as it was told");
  }
  (void)sessions::ParseStatuslineFile(data);
}

}  // namespace agent_exporter::fuzz

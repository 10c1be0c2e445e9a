// What `agent_exporter statusline` keeps of a Claude Code session: the window, the context in use and the
// account's limits, which the transcript does not tell. The command writes it as the session's user, the
// reader reads it.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_STATUSLINE_FILE_H_
#define AGENT_EXPORTER_SESSIONS_STATUSLINE_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sessions/session_reader.h"

namespace agent_exporter::sessions {

struct Statusline {
  std::string session_id;
  std::optional<std::string> model;
  std::optional<uint64_t> context_tokens, context_window;
  std::vector<PlanLimit> limits;
  double told_seconds = 0;

  friend bool operator==(const Statusline&, const Statusline&) = default;
};

// From what Claude Code pipes into its status line command. InvalidArgument if it is no such JSON.
absl::StatusOr<Statusline> ParseStatuslineInput(std::string_view text, double now);

// The file's text, and back.
std::string StatuslineText(const Statusline& line);
absl::StatusOr<Statusline> ParseStatuslineFile(std::string_view text);

// Below the user's runtime directory, or its cache.
inline constexpr std::string_view kStatuslineFolder = "agent_exporter/claude";

// What was kept for a session of this process. NotFound if nothing was.
absl::StatusOr<Statusline> ReadStatusline(const SessionProcess& process, const std::string& session_id);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_STATUSLINE_FILE_H_

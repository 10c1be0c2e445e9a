#include "snapshot/probes.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bounded_command.h"

namespace agent_exporter::snapshot {
namespace {

absl::StatusOr<uint64_t> CountScreenSessions(const ProbeOptions& options) {
  // Its messages are translated. Its exit status means nothing: it is 1 without sessions, and in some
  // versions also with sessions.
  const auto result = base::RunBounded({.argv = {options.screen, "-ls"},
                                        .environment = {{"LC_ALL", "C"}},
                                        .time_limit = options.time_limit,
                                        .cancel_fd = options.cancel_fd});
  if (!result.ok()) return result.status();
  return ParseScreenList(result->out);
}

}  // namespace

// Each session has a line "\t1234.name\t(date)\t(Detached)"; some versions print a header first. A dead
// session is only a leftover socket.
absl::StatusOr<uint64_t> ParseScreenList(std::string_view text) {
  uint64_t sessions = 0;
  bool known = false;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    known |= absl::StartsWith(line, "No Sockets found") || absl::StartsWith(line, "There is a screen") ||
             absl::StartsWith(line, "There are screens") || absl::StartsWith(line, "There are several");
    if (line.size() < 2 || line[0] != '\t' || !absl::ascii_isdigit(static_cast<unsigned char>(line[1])))
      continue;
    if (!absl::StrContains(line, "(Dead ") && !absl::StrContains(line, "(Removed)")) ++sessions;
  }
  if (!known && sessions == 0) {
    const absl::string_view first =
        *absl::StrSplit(absl::string_view(text.data(), text.size()), '\n').begin();
    return absl::InvalidArgumentError(absl::StrCat("unexpected answer: ", absl::StripAsciiWhitespace(first)));
  }
  return sessions;
}

ProbeResults RunProbes(const ProbeOptions& options) {
  ProbeResults results;
  const auto failed = [&results](absl::string_view program, const absl::Status& status) {
    if (!absl::IsNotFound(status)) results.failures.push_back(absl::StrCat(program, ": ", status.message()));
  };
  auto tmux = base::ListTmux({.socket_root = options.tmux_socket_root,
                              .time_limit = options.time_limit,
                              .program = options.tmux,
                              .cancel_fd = options.cancel_fd});
  if (!tmux.ok()) {
    failed("tmux", tmux.status());
  } else if (!tmux->panes.empty() || tmux->others == 0) {
    results.tmux = *std::move(tmux);
  }
  const auto screen = CountScreenSessions(options);
  if (screen.ok()) {
    results.screen_sessions = *screen;
  } else {
    failed("screen", screen.status());
  }
  return results;
}

}  // namespace agent_exporter::snapshot

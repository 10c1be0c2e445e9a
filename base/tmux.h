// The sessions and panes of tmux servers: what `tmux list-panes -a` tells, one run of the program a server.
//
// Only servers of our own user are asked. A tmux client does what its server says (open files, run programs),
// so asking a stranger's server would hand that stranger our privileges; other users' sockets are counted.
//
// Blocks for as long as the program runs: never on the sampler's thread.
//
// Thread safety: free functions; safe from any thread.

#ifndef AGENT_EXPORTER_BASE_TMUX_H_
#define AGENT_EXPORTER_BASE_TMUX_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::base {

struct TmuxPane {
  std::string session;     // its name: UTF-8, control characters escaped by tmux itself
  std::string session_id;  // "$3": unique as long as the server lives
  int window = 0;
  int pane = 0;
  pid_t pid = 0;  // of the program in the pane; 0: it ended and the pane was kept
  pid_t server_pid = 0;
  std::string socket;
};

// Panes by server, session, window and index. A window linked into two sessions is in both.
struct TmuxList {
  std::vector<TmuxPane> panes;
  size_t others = 0;  // sockets of other users, which were not asked

  // Every session's name once for each server that has it, sorted.
  std::vector<std::string> SessionNames() const;
};

struct TmuxOptions {
  // Where tmux keeps its sockets, in tmux-<uid>/: $TMUX_TMPDIR or /tmp.
  std::string socket_root;
  std::chrono::milliseconds time_limit{3000};  // for all servers together
  std::string program = "tmux";
  int cancel_fd = -1;  // as BoundedCommand::cancel_fd
};

// $TMUX_TMPDIR, or /tmp.
std::string TmuxSocketRoot();

// No server runs: an empty list. NotFound: tmux is not installed. DeadlineExceeded, Cancelled: as
// RunBounded. Internal: tmux says something else went wrong.
absl::StatusOr<TmuxList> ListTmux(const TmuxOptions& options);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_TMUX_H_

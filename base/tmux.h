// Lists the sessions and panes of tmux servers, with one `tmux list-panes -a` per server.
//
// Asks only servers of our own user. A tmux client obeys its server (opens files, runs programs), so asking
// another user's server would give that user our privileges. Their sockets are only counted.
//
// Blocks while tmux runs: never call it from the sampler's thread.
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
  std::string session;     // its name: UTF-8, control characters escaped by tmux
  std::string session_id;  // "$3": unique while the server runs
  int window = 0;
  int pane = 0;
  pid_t pid = 0;  // of the program in the pane; 0 if it ended and the pane remained
  pid_t server_pid = 0;
  std::string socket;
};

// Panes sorted by server, session, window and index. A window linked into two sessions is listed in both.
struct TmuxList {
  std::vector<TmuxPane> panes;
  size_t others = 0;  // sockets of other users, not asked

  // The sorted names of all sessions. A name that exists on two servers is listed twice.
  std::vector<std::string> SessionNames() const;
};

struct TmuxOptions {
  // Where tmux keeps its sockets, in tmux-<uid>/: $TMUX_TMPDIR or /tmp.
  std::string socket_root;
  std::vector<std::string> sockets;            // paths of more
  std::chrono::milliseconds time_limit{3000};  // for all servers in total
  std::string program = "tmux";
  int cancel_fd = -1;  // as BoundedCommand::cancel_fd
};

// $TMUX_TMPDIR, or /tmp.
std::string TmuxSocketRoot();

// The list is empty if no server runs. Errors: NotFound if tmux is not installed; DeadlineExceeded and
// Cancelled as RunBounded; Internal if tmux fails in any other way.
absl::StatusOr<TmuxList> ListTmux(const TmuxOptions& options);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_TMUX_H_

// Runs a program to its end within bounds of time and output. Without a shell: argv is what the program gets.
//
// The program runs in a session and process group of its own, with default signals, stdin from /dev/null or
// from `input`, and no descriptor of ours. At the time limit the whole group gets SIGTERM, after `grace`
// SIGKILL; what a program leaves in its group when it ends is killed too. Nothing outside that group is ever
// signalled; a process that left it (setsid(2)) is not followed.
//
// Blocks the calling thread until then: for threads that may wait, never the sampler's.
//
// Thread safety: safe to call from any thread and from several at once. Nobody else may reap children by
// wait(-1).

#ifndef AGENT_EXPORTER_BASE_BOUNDED_COMMAND_H_
#define AGENT_EXPORTER_BASE_BOUNDED_COMMAND_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::base {

struct BoundedCommand {
  std::vector<std::string> argv;  // argv[0]: a path, or a name to be found in PATH
  // Added to our own environment; replaces variables of the same name.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string input;  // empty: /dev/null
  std::chrono::milliseconds time_limit{3000};
  std::chrono::milliseconds grace{500};
  // Bytes kept of stdout and of stderr each. More ends the program, or is read and dropped.
  size_t max_output = 1 << 20;
  bool drop_overflow = false;
  // Ends the program early once it is readable (an eventfd, a pipe's end); -1: none. Stays the caller's.
  int cancel_fd = -1;
};

struct CommandResult {
  std::optional<int> exit_code;  // empty: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;
  bool overflow = false;  // output was dropped

  bool success() const { return exit_code == 0; }
};

// OK with any exit status. Else: NotFound, the program is not there; PermissionDenied, it may not be run;
// DeadlineExceeded; Cancelled; ResourceExhausted, too much output or no process or descriptor to be had;
// InvalidArgument, no argv or a NUL in it.
absl::StatusOr<CommandResult> RunBounded(const BoundedCommand& command);

// The path of `program`: itself if it has a slash, else what PATH finds. NotFound where it is not installed.
absl::StatusOr<std::string> FindProgram(const std::string& program);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_BOUNDED_COMMAND_H_

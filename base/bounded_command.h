// Runs a program, without a shell, under a time limit and an output limit.
//
// The program gets its own session and process group, default signal handlers, stdin from /dev/null or from
// `input`, and none of our descriptors. At the time limit the whole group gets SIGTERM, and SIGKILL after
// `grace`. Processes still in the group when the program ends are killed too. Nothing outside the group is
// ever signalled; a process that left it (setsid(2)) is not followed.
//
// Blocks the calling thread: never call it from the sampler's thread.
//
// Thread safety: safe to call from several threads at once. Nothing else in the process may call wait(-1).

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
  std::vector<std::string> argv;  // argv[0]: a path, or a name to look up in PATH
  // Added to our own environment; replaces variables of the same name.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string input;  // empty: /dev/null
  std::chrono::milliseconds time_limit{3000};
  std::chrono::milliseconds grace{500};
  // Bytes kept of stdout, and as many of stderr. Above that the program is killed, unless drop_overflow is
  // set.
  size_t max_output = 1 << 20;
  bool drop_overflow = false;
  // The program is ended early once this descriptor (an eventfd, a pipe) is readable; -1: none. The caller
  // owns it.
  int cancel_fd = -1;
};

struct CommandResult {
  std::optional<int> exit_code;  // empty if a signal ended the program
  int signal = 0;
  std::string out;
  std::string err;
  bool overflow = false;  // output was dropped

  bool success() const { return exit_code == 0; }
};

// OK with any exit status. Errors: NotFound if there is no such program; PermissionDenied if we may not run
// it; DeadlineExceeded; Cancelled; ResourceExhausted for too much output, or if the system has no process or
// descriptor left; InvalidArgument for an empty argv or a NUL byte.
absl::StatusOr<CommandResult> RunBounded(const BoundedCommand& command);

// The path of `program`: itself if it contains a slash, otherwise looked up in PATH. NotFound if it is not
// installed.
absl::StatusOr<std::string> FindProgram(const std::string& program);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_BOUNDED_COMMAND_H_

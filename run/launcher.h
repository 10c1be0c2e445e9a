// Starts a command as a shell would, with the same descriptors, signal handling, limits, process group and
// terminal.
//
// Thread safety: none; call it on the main thread before others start, because it forks.

#ifndef AGENT_EXPORTER_RUN_LAUNCHER_H_
#define AGENT_EXPORTER_RUN_LAUNCHER_H_

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::run {

// The signal handling before we changed it, which the command starts with.
struct SignalState {
  sigset_t mask;
  struct sigaction child;  // SIGCHLD's
};

// Blocks the signals that a watcher waits for (AttendedSignals of run/attend.h and SIGCHLD). Returns the
// state before.
SignalState BlockAttendedSignals();

struct LaunchOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  int stderr_fd = -1;             // becomes the command's stderr; -1: ours
  SignalState signals;
};

// Returns once the command's exec has succeeded. NotFound: there is no such command (a shell's 127).
// PermissionDenied: it cannot be executed (126), whatever the reason. Both messages name it.
absl::StatusOr<pid_t> Launch(const LaunchOptions& options);

// Ends this process as `status` says the command ended: the same exit code, or death by the same signal
// (without a core dump of our own).
[[noreturn]] void EndAs(int status);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_LAUNCHER_H_

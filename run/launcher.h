// Starts a command as a shell would: same descriptors, signal handling, limits, process group and terminal.
//
// Thread safety: none; from the main thread before others start (it forks).

#ifndef AGENT_EXPORTER_RUN_LAUNCHER_H_
#define AGENT_EXPORTER_RUN_LAUNCHER_H_

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::run {

// The calling process' signal handling from before it was changed, for the command to start with.
struct SignalState {
  sigset_t mask;
  struct sigaction child;  // SIGCHLD's
};

// Blocks what a watcher waits for (AttendedSignals of run/attend.h and SIGCHLD) and returns how it was.
SignalState BlockAttendedSignals();

struct LaunchOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  int stderr_fd = -1;             // becomes the command's stderr; -1: ours
  SignalState signals;
};

// Returns once the command runs (its exec was done). NotFound: there is no such command (a shell's 127);
// PermissionDenied: it cannot be executed (126), whatever the reason. Both in one line that names it.
absl::StatusOr<pid_t> Launch(const LaunchOptions& options);

// Ends this process as `status` says the command ended: the same exit code, or death by the same signal
// (without a core dump of our own).
[[noreturn]] void EndAs(int status);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_LAUNCHER_H_

// Where the program keeps what must outlive it: the ledger, the bearer token.
//
//   STATE_DIRECTORY               set by systemd for StateDirectory=; the first of several (systemd.exec(5))
//   $XDG_STATE_HOME/agent_exporter
//   /var/lib/agent_exporter       root
//   ~/.local/state/agent_exporter everybody else
//
// Thread safety: free functions; the environment is read by SystemStateEnvironment only.

#ifndef AGENT_EXPORTER_BASE_STATE_DIRECTORY_H_
#define AGENT_EXPORTER_BASE_STATE_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::base {

// What the choice depends on; empty strings for variables that are not set.
struct StateEnvironment {
  std::string state_directory;  // STATE_DIRECTORY
  std::string xdg_state_home;   // XDG_STATE_HOME
  std::string home;             // HOME
  bool root = false;
};
StateEnvironment SystemStateEnvironment();

// The directory's path, whether it is there or not. FailedPrecondition, saying what to set, where the
// environment names none. Relative paths are passed over, as the XDG base directory specification asks.
absl::StatusOr<std::string> StateDirectory(const StateEnvironment& environment);

// Makes `path` with what is missing above it, mode 0700, and finds out whether files can be made in it. One
// that is there keeps its mode. The error names the path and the reason.
absl::Status MakeStateDirectory(const std::string& path);

// This process' state directory, made if need be, or why there is none.
absl::StatusOr<std::string> OwnStateDirectory();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_STATE_DIRECTORY_H_

// The directory for data that survives a restart: the ledger, the bearer token. The first that is set:
//
//   STATE_DIRECTORY               set by systemd for StateDirectory= (systemd.exec(5)); the first of a list
//   $XDG_STATE_HOME/agent_exporter
//   /var/lib/agent_exporter       root
//   ~/.local/state/agent_exporter other users
//
// Thread safety: free functions; only SystemStateEnvironment reads the environment.

#ifndef AGENT_EXPORTER_BASE_STATE_DIRECTORY_H_
#define AGENT_EXPORTER_BASE_STATE_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::base {

// What the choice depends on. A variable that is not set is an empty string.
struct StateEnvironment {
  std::string state_directory;  // STATE_DIRECTORY
  std::string xdg_state_home;   // XDG_STATE_HOME
  std::string home;             // HOME
  bool root = false;
};
StateEnvironment SystemStateEnvironment();

// The path of the directory, which need not exist. FailedPrecondition, with a hint what to set, if the
// environment names none. Relative paths are ignored, as the XDG base directory specification requires.
absl::StatusOr<std::string> StateDirectory(const StateEnvironment& environment);

// Creates `path` and its missing parents with mode 0700, and checks that files can be created in it. An
// existing directory keeps its mode. The error names the path and the reason.
absl::Status MakeStateDirectory(const std::string& path);

// The state directory of this process, created if necessary, or the reason why there is none.
absl::StatusOr<std::string> OwnStateDirectory();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_STATE_DIRECTORY_H_

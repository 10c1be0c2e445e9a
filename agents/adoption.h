// Adoption: processes outside an agent's tree that still belong to it, because a daemon started them for it.
//
//   adopt: {environ: {RUNNER_TRACKING_ID: "github_*"}}    a job runner's mark on all its processes
//   adopt: {tmux: {socket: default, sessions: "agent-*"}} sessions on a tmux server older than the agent
//
// An adopted process and its children are descendants of the agent. Processes in another agent's tree are
// never adopted, and a process that matches a rule belongs to that rule's agent.
//
// Thread safety: plain values and free functions.

#ifndef AGENT_EXPORTER_AGENTS_ADOPTION_H_
#define AGENT_EXPORTER_AGENTS_ADOPTION_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace YAML {
class Node;
}

namespace agent_exporter::agents {

struct Adoption {
  std::vector<std::string> environ;  // "NAME=VALUE" (base/path_pattern.h), all must be present
  // A server's socket (a path, or a name in tmux' own folder) and its sessions (base/path_pattern.h). Both
  // are set or both are empty.
  std::string tmux_socket;
  std::string tmux_sessions;

  friend bool operator==(const Adoption&, const Adoption&) = default;
};

// A pane of a tmux server and the program that runs in it.
struct SessionPane {
  pid_t pid = 0;
  pid_t server = 0;    // its parent
  std::string socket;  // its path
  std::string session;

  friend bool operator==(const SessionPane&, const SessionPane&) = default;
};

bool Adopts(const Adoption& adoption, const SessionPane& pane);

// Reads `adopt` of a rule. InvalidArgument: file, line, what is wrong and what to do.
absl::StatusOr<Adoption> AdoptionFromYaml(const YAML::Node& node, std::string_view file);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_ADOPTION_H_

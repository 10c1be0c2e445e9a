// The contents and the place of snapshots: the parsed `snapshot:` part of a configuration.
//
// Thread safety: values.

#ifndef AGENT_EXPORTER_SNAPSHOT_OPTIONS_H_
#define AGENT_EXPORTER_SNAPSHOT_OPTIONS_H_

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agent_exporter::snapshot {

// A helper that an agent needs. Exactly one of pid, pidfile, agent and comm selects the process; `thread`
// selects one of its threads, and alone means a thread of the agent's own root.
struct SidecarOptions {
  std::string name;
  std::optional<pid_t> pid;
  std::string pidfile;
  std::string agent;   // the oldest live root of the agent with this name
  std::string comm;    // the newest process of this name in the agent's own tree
  std::string thread;  // name of the thread, exact (15 bytes at most in the kernel)
};

struct SnapshotAgent {
  std::string name;
  std::string session;  // its tmux session; empty: found by its processes
  std::vector<SidecarOptions> sidecars;
};

// How much a number must differ to count.
struct MinimumChange {
  double amount = 0;
  bool percent = false;  // of the previous value
};

struct DiffOptions {
  std::vector<std::string> ignore;               // dotted keys; each includes everything below it
  std::map<std::string, MinimumChange> minimum;  // by dotted key; each includes everything below it
};

// The fields that change all the time, even on an idle host.
DiffOptions DefaultDiffOptions();

struct SnapshotOptions {
  std::string dir;  // expanded; see ExpandHome
  std::chrono::milliseconds interval{60000};
  std::vector<SnapshotAgent> agents;  // empty: all agents
  std::vector<std::string> names = {"claude", "bun", "node"};
  DiffOptions diff = DefaultDiffOptions();
};

// `path` with a leading "~" replaced by the user's home: $HOME, or the one in the user database.
std::string ExpandHome(const std::string& path);

// $CACHE_DIRECTORY (systemd's), $XDG_CACHE_HOME/agent_exporter or ~/.cache/agent_exporter.
std::string DefaultSnapshotDir();

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_OPTIONS_H_

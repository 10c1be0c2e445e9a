// The command line of `agent_exporter snapshot`.
//
// Thread safety: a value and a free function.

#ifndef AGENT_EXPORTER_EXPORTER_SNAPSHOT_COMMAND_H_
#define AGENT_EXPORTER_EXPORTER_SNAPSHOT_COMMAND_H_

#include <string>

namespace CLI {
class App;
}

namespace agent_exporter::exporter {

struct SnapshotCommandOptions {
  std::string dir;        // --snapshot.dir, for serve too; empty: the configuration's, or the default
  std::string short_dir;  // the command's own --dir, which overrides it
  std::string agent;
  std::string session;
  bool no_diff = false;
  bool print = false;
  bool terse = false;
};

// Adds the command with its flags to `app`, and --snapshot.dir to `app` itself.
CLI::App* AddSnapshotCommand(CLI::App& app, SnapshotCommandOptions& options);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_SNAPSHOT_COMMAND_H_

// serve with --compat.process-exporter: process-exporter's metrics and nothing else. It looks at processes
// only when scraped, and writes no file.
//
// Thread safety: call it from the main thread.

#ifndef AGENT_EXPORTER_EXPORTER_SERVE_GROUPS_H_
#define AGENT_EXPORTER_EXPORTER_SERVE_GROUPS_H_

#include <vector>

#include "exporter/options.h"

namespace agent_exporter::exporter {

// `sockets`: those that systemd gave. Blocks until SIGTERM or SIGINT. Returns the exit code.
int ServeGroups(const Options& options, const std::vector<int>& sockets);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_SERVE_GROUPS_H_

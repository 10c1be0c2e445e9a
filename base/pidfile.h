// Reads pidfiles. Their paths are configured, so a FIFO, a device or a hanging mount may be there.
//
// Thread safety: a free function.

#ifndef AGENT_EXPORTER_BASE_PIDFILE_H_
#define AGENT_EXPORTER_BASE_PIDFILE_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/bounded_reads.h"

namespace agent_exporter::base {

// The number at the start of the regular file `path`; some programs write more after it. Empty if there is
// none, or the file cannot be read in time.
std::optional<pid_t> ReadPidfile(const std::string& path, BoundedReads& reads = BoundedReads::Shared());

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_PIDFILE_H_

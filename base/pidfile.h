// Reads pidfiles, whose paths somebody configured: a FIFO, a device or a mount that does not answer may be
// there.
//
// Thread safety: a free function.

#ifndef AGENT_EXPORTER_BASE_PIDFILE_H_
#define AGENT_EXPORTER_BASE_PIDFILE_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/bounded_reads.h"

namespace agent_exporter::base {

// The number that the regular file `path` starts with. Some programs write more behind it. Empty: there is
// none, or the file cannot be read in time.
std::optional<pid_t> ReadPidfile(const std::string& path, BoundedReads& reads = BoundedReads::Shared());

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_PIDFILE_H_

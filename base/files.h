// Files that are replaced whole.
//
// Thread safety: free functions; one writer for each path at a time.

#ifndef AGENT_EXPORTER_BASE_FILES_H_
#define AGENT_EXPORTER_BASE_FILES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/system.h"

namespace agent_exporter::base {

// Puts `contents` at `path`, readable by its owner alone: a reader sees the old file or the new one, never
// half of it, also after a power cut. Written beside it as PATH.new, where no link is followed; a failure
// leaves the old file and no other. Errors name the path and say what to do about it where that is known.
absl::Status ReplaceFile(System& system, const std::string& path, std::string_view contents);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_FILES_H_

// Reads files that the user named on the command line.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_BASE_USER_FILE_H_
#define AGENT_EXPORTER_BASE_USER_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace agent_exporter::base {

// Reads the whole file. Errors: "cannot read WHAT PATH: reason" as NotFound, PermissionDenied, or
// FailedPrecondition for everything else (a directory).
absl::StatusOr<std::string> ReadUserFile(std::string_view what, const std::string& path);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_USER_FILE_H_

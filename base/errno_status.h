// The status of a failed system call.
//
// Errors: ENOENT and ESRCH are NotFound, EACCES and EPERM are PermissionDenied, EOPNOTSUPP (a kernel feature
// that is switched off, such as PSI) is Unimplemented, all else is Internal; the message names the path and
// the errno.
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_BASE_ERRNO_STATUS_H_
#define AGENT_EXPORTER_BASE_ERRNO_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace agent_exporter::base {

absl::Status ErrnoStatus(int error, std::string_view path);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_ERRNO_STATUS_H_

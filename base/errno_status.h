// Converts the errno of a failed system call to a status.
//
// ENOENT and ESRCH become NotFound, EACCES and EPERM PermissionDenied, EOPNOTSUPP (a kernel feature that is
// switched off, such as PSI) Unimplemented, everything else Internal. The message names path and errno.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_BASE_ERRNO_STATUS_H_
#define AGENT_EXPORTER_BASE_ERRNO_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace agent_exporter::base {

absl::Status ErrnoStatus(int error, std::string_view path);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_ERRNO_STATUS_H_

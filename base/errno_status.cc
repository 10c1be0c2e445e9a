#include "base/errno_status.h"

#include <cerrno>
#include <string>
#include <system_error>

namespace agent_exporter::base {

absl::Status ErrnoStatus(int error, std::string_view path) {
  const std::string message = std::string(path) + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT:
    case ESRCH:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EOPNOTSUPP:
      return absl::UnimplementedError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace agent_exporter::base

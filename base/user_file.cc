#include "base/user_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace agent_exporter::base {

// Uses stdio because a directory opens without error and fails only on read, where a C++ stream would throw.
absl::StatusOr<std::string> ReadUserFile(std::string_view what, const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  std::string text;
  char buffer[4096];
  for (size_t got = 1; file != nullptr && got > 0; text.append(buffer, got)) {
    got = std::fread(buffer, 1, sizeof buffer, file.get());
  }
  if (file != nullptr && std::ferror(file.get()) == 0) return text;
  const int error = errno;
  const std::string message = fmt::format("cannot read {} {}: {}", what, path, std::strerror(error));
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return error == ENOENT ? absl::NotFoundError(message) : absl::FailedPreconditionError(message);
}

}  // namespace agent_exporter::base

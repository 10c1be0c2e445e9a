#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace agent_exporter::base {
namespace {

absl::Status WriteAll(System& system, int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t wrote = system.Write(fd, contents.data(), contents.size());
    if (wrote > 0) contents.remove_prefix(static_cast<size_t>(wrote));
    if (wrote < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "");
  }
  if (fsync(fd) != 0) return absl::ErrnoToStatus(errno, "");
  return absl::OkStatus();
}

}  // namespace

absl::Status ReplaceFile(System& system, const std::string& path, std::string_view contents) {
  const std::string temporary = path + ".new";
  const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.ok()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", temporary));
  absl::Status status = WriteAll(system, file.get(), contents);
  if (status.ok() && system.Rename(temporary, path) != 0) status = absl::ErrnoToStatus(errno, "");
  if (status.ok()) return status;
  unlink(temporary.c_str());
  return absl::Status(status.code(), absl::StrCat("cannot write ", path, status.message()));
}

}  // namespace agent_exporter::base

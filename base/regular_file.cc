#include "base/regular_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace agent_exporter::base {
namespace {

// O_NONBLOCK, because opening a FIFO would otherwise wait for a writer.
constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

absl::Status OpenStatus(int error, const std::string& name) {
  if (error == ELOOP) return absl::FailedPreconditionError(absl::StrCat(name, ": is a symbolic link"));
  return ErrnoStatus(error, name);
}

absl::StatusOr<OpenFile> OpenAt(int parent, const std::string& name, std::optional<uid_t> owner) {
  OpenFile file;
  file.descriptor = Descriptor(::openat(parent, name.c_str(), kReadFlags));
  if (!file.descriptor.ok()) return OpenStatus(errno, name);
  if (::fstat(file.descriptor.get(), &file.stat) != 0) return ErrnoStatus(errno, name);
  if (!S_ISREG(file.stat.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": not a regular file"));
  }
  if (owner && file.stat.st_uid != *owner) {
    return absl::PermissionDeniedError(
        absl::StrCat(name, ": owned by user ", file.stat.st_uid, ", not ", *owner));
  }
  return file;
}

}  // namespace

absl::StatusOr<Descriptor> OpenDirectory(const std::string& path) {
  Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return ErrnoStatus(errno, path);
  return directory;
}

absl::StatusOr<Descriptor> OpenSubdirectory(const Descriptor& parent, const std::string& name) {
  Descriptor directory(::openat(parent.get(), name.c_str(), kReadFlags | O_DIRECTORY));
  if (!directory.ok()) {
    // With O_DIRECTORY the kernel reports ENOTDIR for a symbolic link.
    if (errno == ENOTDIR) {
      return absl::FailedPreconditionError(absl::StrCat(name, ": not a directory, or a symbolic link"));
    }
    return OpenStatus(errno, name);
  }
  return directory;
}

absl::StatusOr<OpenFile> OpenRegularFile(const Descriptor& parent, const std::string& name,
                                         std::optional<uid_t> owner) {
  return OpenAt(parent.get(), name, owner);
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t limit) {
  absl::StatusOr<OpenFile> file = OpenAt(AT_FDCWD, path, std::nullopt);
  if (!file.ok()) return file.status();
  std::string text;
  char buffer[16 << 10];
  while (true) {
    const ssize_t got = ::read(file->descriptor.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, path);
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > limit) {
      return absl::ResourceExhaustedError(absl::StrCat(path, ": longer than ", limit, " bytes"));
    }
  }
}

}  // namespace agent_exporter::base

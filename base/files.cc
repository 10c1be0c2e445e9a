#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace agent_exporter::base {
namespace {

// These return 0 or errno.
int WriteAll(System& system, int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t wrote = system.Write(fd, contents.data(), contents.size());
    if (wrote > 0) contents.remove_prefix(static_cast<size_t>(wrote));
    if (wrote < 0 && errno != EINTR) return errno;
  }
  return 0;
}

int WriteAndClose(System& system, int fd, std::string_view contents, const FileOptions& options) {
  if (options.owner) (void)!fchown(fd, options.owner->first, options.owner->second);
  int error = WriteAll(system, fd, contents);
  if (error == 0 && options.flush && fsync(fd) != 0) error = errno;
  // Some file systems report a full disk only here.
  if (close(fd) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

PendingFile::~PendingFile() {
  if (pending_) unlink(temporary_.c_str());
}

absl::Status PendingFile::Error(int error) const {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path_));
}

absl::Status PendingFile::Write(std::string_view contents, const FileOptions& options) {
  unlink(temporary_.c_str());  // left by a killed writer
  const int fd = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, options.mode);
  if (fd < 0) return Error(errno);
  pending_ = true;
  const int error = WriteAndClose(system_, fd, contents, options);
  return error == 0 ? absl::OkStatus() : Error(error);
}

bool PendingFile::Link(const std::string& existing) {
  unlink(temporary_.c_str());
  pending_ = link(existing.c_str(), temporary_.c_str()) == 0;
  return pending_;
}

absl::Status PendingFile::Commit() {
  if (system_.Rename(temporary_, path_) != 0) return Error(errno);
  pending_ = false;
  return absl::OkStatus();
}

absl::Status ReplaceFile(System& system, const std::string& path, std::string_view contents,
                         const FileOptions& options) {
  PendingFile file(system, path);
  if (absl::Status status = file.Write(contents, options); !status.ok()) return status;
  return file.Commit();
}

}  // namespace agent_exporter::base

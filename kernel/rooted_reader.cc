#include "kernel/rooted_reader.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errno_status.h"

namespace agent_exporter::kernel {

RootedReader::RootedReader(std::string root)
    : root_(std::move(root)), dir_(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!dir_.ok()) status_ = base::ErrnoStatus(errno, root_);
}

absl::StatusOr<std::string_view> RootedReader::Read(const std::string& path, std::string* buffer,
                                                    size_t limit) const {
  constexpr size_t kFirst = 4096;
  if (!ok()) return status_;
  const base::Descriptor file(::openat(dir_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return base::ErrnoStatus(errno, root_ + "/" + path);
  buffer->resize(std::min(limit, std::max(kFirst, buffer->capacity())));
  size_t used = 0;
  // Read until end of file: seq files return their records in pieces, so a short read is not the end.
  while (used < limit) {
    if (used == buffer->size()) buffer->resize(std::min(limit, used * 2));
    const ssize_t count = ::read(file.get(), buffer->data() + used, buffer->size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoStatus(errno, root_ + "/" + path);
    if (count == 0) break;
    used += static_cast<size_t>(count);
  }
  buffer->resize(used);
  return std::string_view(*buffer);
}

absl::StatusOr<std::string> RootedReader::ReadLink(const std::string& path) const {
  if (!ok()) return status_;
  // The kernel prints a link of /proc/<pid> into one page, so none is longer than PATH_MAX.
  char target[PATH_MAX + 1];
  const ssize_t size = ::readlinkat(dir_.get(), path.c_str(), target, sizeof(target));
  if (size < 0) return base::ErrnoStatus(errno, root_ + "/" + path);
  return std::string(target, static_cast<size_t>(size));
}

}  // namespace agent_exporter::kernel

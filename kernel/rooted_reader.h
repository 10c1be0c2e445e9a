// Reads small kernel files below one root directory ("/proc", "/sys/fs/cgroup", or a tree that a test made).
// The root is always an argument: nothing in this program names /proc on its own but main.
//
// Thread safety: const methods are safe to call at once; each caller brings its own buffer.
// Errors: ENOENT and ESRCH are NotFound, EACCES and EPERM are PermissionDenied, EOPNOTSUPP (a kernel feature
// that is switched off, such as PSI) is Unimplemented, all else is Internal; the message names the path and
// the errno.

#ifndef AGENT_EXPORTER_KERNEL_ROOTED_READER_H_
#define AGENT_EXPORTER_KERNEL_ROOTED_READER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernel/descriptor.h"

namespace agent_exporter {

// The status of a failed system call on `path`, by the mapping above.
absl::Status ErrnoStatus(int error, std::string_view path);

class RootedReader {
 public:
  // Opens `root`. Check ok() before use; a root that cannot be opened makes every call return status().
  explicit RootedReader(std::string root);
  RootedReader(const RootedReader&) = delete;
  RootedReader& operator=(const RootedReader&) = delete;

  bool ok() const { return dir_.ok(); }
  const absl::Status& status() const { return status_; }
  const std::string& root() const { return root_; }
  // An O_PATH descriptor of the root, or -1; it stays owned by this.
  int dir_fd() const { return dir_.get(); }

  // The whole of root/path, at most `limit` bytes, into *buffer (replaced); the view points into it. `path`
  // is relative to the root.
  absl::StatusOr<std::string_view> Read(const std::string& path, std::string* buffer,
                                        size_t limit = 1 << 20) const;
  absl::StatusOr<std::string> ReadLink(const std::string& path) const;

 private:
  std::string root_;
  Descriptor dir_;
  absl::Status status_;
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_KERNEL_ROOTED_READER_H_

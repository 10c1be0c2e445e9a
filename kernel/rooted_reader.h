// Reads small kernel files below one root directory ("/proc", "/sys/fs/cgroup", or a test's tree). The root
// is always an argument, so that tests can replace it; only main names the real one.
//
// Thread safety: const methods may run concurrently if each caller has its own buffer. Errors:
// base/errno_status.h says which errno is which status.

#ifndef AGENT_EXPORTER_KERNEL_ROOTED_READER_H_
#define AGENT_EXPORTER_KERNEL_ROOTED_READER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "base/errno_status.h"

namespace agent_exporter::kernel {

class RootedReader {
 public:
  // Opens `root`. If that fails, ok() is false and every call returns status().
  explicit RootedReader(std::string root);
  RootedReader(const RootedReader&) = delete;
  RootedReader& operator=(const RootedReader&) = delete;

  bool ok() const { return dir_.ok(); }
  const absl::Status& status() const { return status_; }
  const std::string& root() const { return root_; }
  // An O_PATH descriptor of the root, owned by this object, or -1.
  int dir_fd() const { return dir_.get(); }

  // Reads root/path, at most `limit` bytes, into *buffer and returns a view of it. `path` is relative to the
  // root.
  absl::StatusOr<std::string_view> Read(const std::string& path, std::string* buffer,
                                        size_t limit = 1 << 20) const;
  absl::StatusOr<std::string> ReadLink(const std::string& path) const;

 private:
  std::string root_;
  base::Descriptor dir_;
  absl::Status status_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_ROOTED_READER_H_

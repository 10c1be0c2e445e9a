// Replaces files atomically: a reader sees the old file or the new one, never a partial one.
//
// Errors name the path. Thread safety: free functions and values; one writer per path at a time.

#ifndef AGENT_EXPORTER_BASE_FILES_H_
#define AGENT_EXPORTER_BASE_FILES_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/system.h"

namespace agent_exporter::base {

struct FileOptions {
  mode_t mode = 0600;                            // minus the umask
  std::optional<std::pair<uid_t, gid_t>> owner;  // best effort
  bool flush = true;                             // to disk, so that it survives a power cut
};

// A file that is written as PATH.new and renamed to `path` when complete. It follows no symlink. The
// destructor removes a file that was not committed.
class PendingFile {
 public:
  PendingFile(System& system, std::string path)
      : system_(system), path_(std::move(path)), temporary_(path_ + ".new") {}
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  absl::Status Write(std::string_view contents, const FileOptions& options = {});
  // Instead of Write: makes a hard link to the file `existing`. False if the file system has no hard links.
  bool Link(const std::string& existing);
  absl::Status Commit();

 private:
  absl::Status Error(int error) const;

  System& system_;
  const std::string path_, temporary_;
  bool pending_ = false;
};

// Write and Commit in one call. A failure leaves only the old file.
absl::Status ReplaceFile(System& system, const std::string& path, std::string_view contents,
                         const FileOptions& options = {});

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_FILES_H_

// Opens files that belong to somebody else, without trusting their names: no symbolic link is followed, a
// FIFO or device never blocks or is read, and the owner is checked, since the exporter may read what that
// owner may not.
//
// Thread safety: free functions without state.
// Errors: as ErrnoStatus (kernel/rooted_reader.h); FailedPrecondition for what is no regular file, or a
// symbolic link; PermissionDenied for another owner's.

#ifndef AGENT_EXPORTER_BASE_REGULAR_FILE_H_
#define AGENT_EXPORTER_BASE_REGULAR_FILE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace agent_exporter::base {

struct OpenFile {
  Descriptor descriptor;
  struct stat stat = {};
};

// Nobody waits for these: long enough for a disk that is busy, and for a long file.
inline constexpr std::chrono::seconds kFilePatience{2};

// The directory `path`, through symbolic links: for paths that an administrator chose.
absl::StatusOr<Descriptor> OpenDirectory(const std::string& path);

// The directory `name`, one path component, in `parent`.
absl::StatusOr<Descriptor> OpenSubdirectory(const Descriptor& parent, const std::string& name);

// The regular file `name`, one path component, in `parent`. With an `owner` it must be that user's.
absl::StatusOr<OpenFile> OpenRegularFile(const Descriptor& parent, const std::string& name,
                                         std::optional<uid_t> owner);

// All of the regular file `path`, whose last component must be no symbolic link. ResourceExhausted when it is
// longer than `limit` bytes.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t limit);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_REGULAR_FILE_H_

// Opens other users' files safely: never follows a symbolic link, never reads from or blocks on a FIFO or a
// device, and checks the owner, because the exporter may have rights that the owner does not have.
//
// Thread safety: free functions without state.
// Errors: as ErrnoStatus; FailedPrecondition for a symbolic link or anything that is not a regular file;
// PermissionDenied if somebody else owns the file.

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

// How long to wait for files that nothing waits for (base/bounded_reads.h): enough for a busy disk and a long
// file.
inline constexpr std::chrono::seconds kFilePatience{2};

// Opens the directory `path` and follows symbolic links: for paths that an administrator chose.
absl::StatusOr<Descriptor> OpenDirectory(const std::string& path);

// Opens the directory `name`, a single path component, in `parent`.
absl::StatusOr<Descriptor> OpenSubdirectory(const Descriptor& parent, const std::string& name);

// Opens the regular file `name`, a single path component, in `parent`. If `owner` is given, that user must
// own it.
absl::StatusOr<OpenFile> OpenRegularFile(const Descriptor& parent, const std::string& name,
                                         std::optional<uid_t> owner);

// Reads the whole regular file `path`; its last component must not be a symbolic link. ResourceExhausted if
// it is longer than `limit` bytes.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t limit);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_REGULAR_FILE_H_

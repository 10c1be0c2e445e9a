// Opens the files of a session's process as that process sees them, and no others.
//
// Above its home, links are followed: where homes are is the administrator's business. Below it none is, and
// only regular files of the process' own user are opened, because the exporter may have rights that the
// process does not have. For a process of a container all of it happens below the container's root.
//
// Thread safety: free functions without state.
// Errors: as base/regular_file.h; NotFound if no home is known.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_FILES_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_FILES_H_

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "base/regular_file.h"
#include "sessions/session_reader.h"

namespace agent_exporter::sessions {

// The directory `path`, which is absolute, as the process sees it.
absl::StatusOr<base::Descriptor> OpenAsSeen(const SessionProcess& process, const std::string& path);

// The value of a variable that names an absolute path, or "".
std::string PathVariable(const SessionProcess& process, std::string_view name);

// A folder below `directory`.
absl::StatusOr<base::Descriptor> OpenBelow(const base::Descriptor& directory,
                                           std::initializer_list<std::string_view> names);

// A regular file of the process' user.
absl::StatusOr<base::OpenFile> OpenOwn(const SessionProcess& process, const base::Descriptor& directory,
                                       const std::string& name);
// The whole of it. ResourceExhausted if it is longer than `limit`.
absl::StatusOr<std::string> ReadOwn(const SessionProcess& process, const base::Descriptor& directory,
                                    const std::string& name, size_t limit);

// A regular file of the process' user in a folder.
struct FoundFile {
  std::string name;
  double written = 0;  // seconds since the epoch
};
// Those for which `wanted` is true, newest first, at most `most`. Looks at no more than 50,000 entries.
std::vector<FoundFile> FindOwn(const SessionProcess& process, const base::Descriptor& directory, size_t most,
                               absl::FunctionRef<bool(std::string_view)> wanted);
// The names of the folders in a folder, at most `most` of the first 50,000 entries.
std::vector<std::string> FindFolders(const base::Descriptor& directory, size_t most);

// Whether a name can be part of a path without leading anywhere else.
bool IsPlainName(std::string_view name);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_FILES_H_

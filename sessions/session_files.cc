#include "sessions/session_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "kernel/directory.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kMostEntries = 50'000;
constexpr size_t kBuffer = 32 << 10;

double Seconds(const struct timespec& time) {
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

absl::StatusOr<base::Descriptor> OpenAsSeen(const SessionProcess& process, const std::string& path) {
  if (path.empty() || path.front() != '/') return absl::NotFoundError("no home is known");
  if (process.root.empty()) return base::OpenDirectory(path);
  const base::Descriptor root(::open(process.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return base::ErrnoStatus(errno, process.root);
  // An absolute link in the container leads to the container's root, not to ours.
  struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                         .mode = 0,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  base::Descriptor directory(
      static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
  if (!directory.ok()) return base::ErrnoStatus(errno, absl::StrCat(process.root, path));
  return directory;
}

std::string PathVariable(const SessionProcess& process, std::string_view name) {
  const auto found = process.environment.find(std::string(name));
  return found != process.environment.end() && found->second.starts_with('/') ? found->second : "";
}

absl::StatusOr<base::Descriptor> OpenBelow(const base::Descriptor& directory,
                                           std::initializer_list<std::string_view> names) {
  absl::StatusOr<base::Descriptor> folder = absl::NotFoundError("no folder");
  const base::Descriptor* parent = &directory;
  for (const std::string_view name : names) {
    absl::StatusOr<base::Descriptor> next = base::OpenSubdirectory(*parent, std::string(name));
    if (!next.ok()) return next;
    folder = std::move(next);
    parent = &*folder;
  }
  return folder;
}

absl::StatusOr<base::OpenFile> OpenOwn(const SessionProcess& process, const base::Descriptor& directory,
                                       const std::string& name) {
  return base::OpenRegularFile(directory, name, process.uid);
}

absl::StatusOr<std::string> ReadOwn(const SessionProcess& process, const base::Descriptor& directory,
                                    const std::string& name, size_t limit) {
  const auto file = OpenOwn(process, directory, name);
  if (!file.ok()) return file.status();
  std::string text(limit + 1, '\0');
  size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(file->descriptor.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, name);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  if (have > limit)
    return absl::ResourceExhaustedError(absl::StrCat(name, ": longer than ", limit, " bytes"));
  text.resize(have);
  return text;
}

std::vector<FoundFile> FindOwn(const SessionProcess& process, const base::Descriptor& directory, size_t most,
                               absl::FunctionRef<bool(std::string_view)> wanted) {
  std::vector<FoundFile> found;
  std::string buffer(kBuffer, '\0');
  size_t entries = 0;
  kernel::ForEachEntry(directory.get(), &buffer, [&](const char* name) {
    struct stat stat = {};
    if (++entries > kMostEntries || !wanted(name) ||
        ::fstatat(directory.get(), name, &stat, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(stat.st_mode) ||
        stat.st_uid != process.uid) {
      return;
    }
    const FoundFile file{name, Seconds(stat.st_mtim)};
    const auto newer = [](const FoundFile& a, const FoundFile& b) { return a.written > b.written; };
    found.insert(std::upper_bound(found.begin(), found.end(), file, newer), file);
    if (found.size() > most) found.pop_back();
  });
  return found;
}

std::vector<std::string> FindFolders(const base::Descriptor& directory, size_t most) {
  std::vector<std::string> found;
  std::string buffer(kBuffer, '\0');
  size_t entries = 0;
  kernel::ForEachEntry(directory.get(), &buffer, [&](const char* name) {
    struct stat stat = {};
    if (++entries > kMostEntries || found.size() >= most || name[0] == '.' ||
        ::fstatat(directory.get(), name, &stat, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(stat.st_mode)) {
      return;
    }
    found.emplace_back(name);
  });
  return found;
}

bool IsPlainName(std::string_view name) {
  constexpr size_t kLongest = 200;
  return !name.empty() && name.size() <= kLongest && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c == '-' || c == '_' || c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z');
         });
}

}  // namespace agent_exporter::sessions

#include "kernel/shared_use.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "base/descriptor.h"
#include "kernel/directory.h"
#include "kernel/parse_host.h"
#include "kernel/text_scanner.h"

namespace agent_exporter::kernel {
namespace {

constexpr std::string_view kInotify = "anon_inode:inotify";

// Visits the names in a directory that are numbers.
template <typename Visit>
void ForEachNumber(int root, const std::string& path, Visit visit) {
  const base::Descriptor directory(openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return;
  std::string buffer(32 << 10, '\0');
  ForEachEntry(directory.get(), &buffer, [&visit](const char* name) {
    if (*name >= '0' && *name <= '9') visit(std::string(name));
  });
}

uint64_t CountLines(std::string_view text, std::string_view start) {
  uint64_t count = 0;
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) count += line->starts_with(start) ? 1 : 0;
  return count;
}

}  // namespace

std::optional<uid_t> SharedUseReader::Owner(pid_t pid) const {
  struct stat info{};
  if (fstatat(proc_.dir_fd(), std::to_string(pid).c_str(), &info, 0) != 0) return std::nullopt;
  return info.st_uid;
}

std::optional<uint64_t> SharedUseReader::Number(const char* path) {
  const auto text = proc_.Read(path, &buffer_);
  if (!text.ok()) return std::nullopt;
  const auto number = ParseNumber(*text);
  return number.ok() ? std::optional(*number) : std::nullopt;
}

void SharedUseReader::AddProcess(const std::string& pid, InotifyUse* use) {
  ForEachNumber(proc_.dir_fd(), pid + "/fd", [&](const std::string& fd) {
    char target[kInotify.size() + 1];
    const ssize_t size = readlinkat(proc_.dir_fd(), (pid + "/fd/" + fd).c_str(), target, sizeof target);
    if (size < 0 || std::string_view(target, static_cast<size_t>(size)) != kInotify) return;
    ++use->instances;
    const auto text = proc_.Read(pid + "/fdinfo/" + fd, &buffer_);
    if (text.ok()) use->watches += CountLines(*text, "inotify wd:");
  });
}

InotifyUse SharedUseReader::Inotify(uid_t user) {
  InotifyUse use{.max_instances = Number("sys/fs/inotify/max_user_instances"),
                 .max_watches = Number("sys/fs/inotify/max_user_watches")};
  if (!use.max_instances && !use.max_watches) return use;
  ForEachNumber(proc_.dir_fd(), ".", [&](const std::string& pid) {
    struct stat info{};
    if (fstatat(proc_.dir_fd(), pid.c_str(), &info, 0) == 0 && info.st_uid == user) AddProcess(pid, &use);
  });
  return use;
}

uint64_t SharedUseReader::Tasks(uid_t user) const {
  uint64_t tasks = 0;
  ForEachNumber(proc_.dir_fd(), ".", [&](const std::string& pid) {
    struct stat info{};
    if (fstatat(proc_.dir_fd(), (pid + "/task").c_str(), &info, 0) == 0 && info.st_uid == user)
      tasks += info.st_nlink - 2;
  });
  return tasks;
}

std::optional<PtyUse> SharedUseReader::Ptys() {
  const auto used = Number("sys/kernel/pty/nr"), max = Number("sys/kernel/pty/max");
  if (!used || !max) return std::nullopt;
  return PtyUse{.used = *used, .max = *max};
}

}  // namespace agent_exporter::kernel

#include "kernel/inotify.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>

#include "kernel/parse_host.h"

namespace agent_exporter::kernel {
namespace {

constexpr std::string_view kInotify = "anon_inode:inotify";

// The names in a directory that are numbers.
void ForEachNumber(int root, const std::string& path, const std::function<void(const std::string&)>& visit) {
  const int fd = openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(fd), &closedir);
  if (directory == nullptr) {
    close(fd);
    return;
  }
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') visit(entry->d_name);
  }
}

uint64_t CountLines(std::string_view text, std::string_view start) {
  uint64_t count = 0;
  while (!text.empty()) {
    count += text.substr(0, start.size()) == start;
    text.remove_prefix(
        std::min(text.size(), text.find('\n') == text.npos ? text.size() : text.find('\n') + 1));
  }
  return count;
}

}  // namespace

std::optional<uid_t> InotifyReader::Owner(pid_t pid) const {
  struct stat info{};
  if (fstatat(proc_.dir_fd(), std::to_string(pid).c_str(), &info, 0) != 0) return std::nullopt;
  return info.st_uid;
}

std::optional<uint64_t> InotifyReader::Limit(const char* name) {
  const auto text = proc_.Read(std::string("sys/fs/inotify/") + name, &buffer_);
  if (!text.ok()) return std::nullopt;
  const auto number = ParseNumber(*text);
  return number.ok() ? std::optional(*number) : std::nullopt;
}

void InotifyReader::AddProcess(const std::string& pid, InotifyUse* use) {
  ForEachNumber(proc_.dir_fd(), pid + "/fd", [&](const std::string& fd) {
    char target[kInotify.size() + 1];
    const ssize_t size = readlinkat(proc_.dir_fd(), (pid + "/fd/" + fd).c_str(), target, sizeof target);
    if (size < 0 || std::string_view(target, static_cast<size_t>(size)) != kInotify) return;
    ++use->instances;
    const auto text = proc_.Read(pid + "/fdinfo/" + fd, &buffer_);
    if (text.ok()) use->watches += CountLines(*text, "inotify wd:");
  });
}

InotifyUse InotifyReader::Read(uid_t user) {
  InotifyUse use{.max_instances = Limit("max_user_instances"), .max_watches = Limit("max_user_watches")};
  if (!use.max_instances && !use.max_watches) return use;
  ForEachNumber(proc_.dir_fd(), ".", [&](const std::string& pid) {
    struct stat info{};
    if (fstatat(proc_.dir_fd(), pid.c_str(), &info, 0) == 0 && info.st_uid == user) AddProcess(pid, &use);
  });
  return use;
}

}  // namespace agent_exporter::kernel

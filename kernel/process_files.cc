#include "kernel/process_files.h"

#include <fcntl.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernel/directory.h"
#include "kernel/parse_process.h"

namespace agent_exporter::kernel {
namespace {

// The name that all reads of one process' memory share: if one read hangs, all do. It includes the start
// time, because the pid may be reused before the read returns.
std::string MemoryName(const ProcessKey& key) {
  return absl::StrCat("the memory of pid ", key.pid, " (start time ", key.start_ticks, ")");
}

// The number in a line "Pss:    123 kB" of smaps_rollup. `name` is "\nPss:".
std::optional<uint64_t> KilobytesOf(std::string_view text, std::string_view name) {
  size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  at = text.find_first_not_of(' ', at + name.size());
  if (at == std::string_view::npos) return std::nullopt;
  uint64_t kilobytes = 0;
  const auto end = std::from_chars(text.data() + at, text.data() + text.size(), kilobytes);
  return end.ec == std::errc() ? std::optional(kilobytes) : std::nullopt;
}

// `base`: the process' directory.
absl::StatusOr<std::string> Follow(const RootedReader& proc, const std::string& base,
                                   const std::string& path) {
  constexpr int kMostLinks = 8;
  std::string at = path;
  for (int links = 0; links < kMostLinks; ++links) {
    const absl::StatusOr<std::string> target =
        proc.ReadLink(absl::StrCat(base, at.starts_with('/') ? "/root" : "/cwd/", at));
    if (absl::IsPermissionDenied(target.status())) return target.status();
    if (!target.ok()) break;  // not a link (EINVAL), or it does not exist
    const size_t slash = at.rfind('/');
    const bool beside = !target->starts_with('/') && slash != std::string::npos;
    at = beside ? absl::StrCat(at.substr(0, slash + 1), *target) : *target;
  }
  return at;
}

absl::StatusOr<OpenDescriptors> ListDescriptors(const RootedReader& proc, pid_t pid, size_t most, int first) {
  const std::string name = absl::StrCat(pid, "/fd");
  const base::Descriptor directory(::openat(proc.dir_fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return base::ErrnoStatus(errno, name);
  // The position is the descriptor after "." and ".." (fs/proc/fd.c, proc_readfd_common).
  if (first > 0 && ::lseek(directory.get(), first + 2, SEEK_SET) < 0) return base::ErrnoStatus(errno, name);
  OpenDescriptors open;
  absl::Status refused;
  std::string buffer(16 << 10, '\0');
  const int error = ForEachEntry(directory.get(), &buffer, [&](const char* fd) {
    if (fd[0] == '.' || !refused.ok()) return;
    if (open.list.size() >= most) {
      open.whole = false;
      return;
    }
    absl::StatusOr<std::string> target = proc.ReadLink(absl::StrCat(name, "/", fd));
    if (target.ok()) {
      const DescriptorKind kind = KindOf(absl::StrCat(proc.root(), "/", name, "/", fd), *target);
      open.list.push_back({.fd = std::atoi(fd), .kind = kind, .target = *std::move(target)});
    } else if (!absl::IsNotFound(target.status())) {  // else it was closed meanwhile
      refused = target.status();
    }
  });
  if (error != 0) return base::ErrnoStatus(error, name);
  if (!refused.ok()) return refused;
  return open;
}

}  // namespace

std::shared_ptr<const RootedReader> ProcessFiles::OwnedRoot() {
  if (owned_root_ == nullptr) owned_root_ = std::make_shared<const RootedReader>(proc_.root());
  return owned_root_;
}

absl::StatusOr<std::string> ProcessFiles::ReadMemory(const ProcessKey& key, const char* file, size_t limit) {
  return reads_.Read<std::string>(
      MemoryName(key),
      [proc = OwnedRoot(), path = absl::StrCat(key.pid, "/", file), limit]() -> absl::StatusOr<std::string> {
        std::string buffer;
        const auto read = proc->Read(path, &buffer, limit);
        if (!read.ok()) return read.status();
        return std::string(*read);
      });
}

absl::StatusOr<CommandLine> ProcessFiles::Cmdline(const ProcessKey& key, size_t limit) {
  const absl::StatusOr<std::string> text = ReadMemory(key, "cmdline", limit);
  if (!text.ok()) return text.status();
  CommandLine line{.words = SplitAtNul(*text), .whole = text->size() < limit};
  while (!line.words.empty() && line.words.back().empty()) line.words.pop_back();
  return line;
}

absl::StatusOr<std::vector<std::string>> ProcessFiles::Environ(const ProcessKey& key) {
  const absl::StatusOr<std::string> text = ReadMemory(key, "environ", 1 << 20);
  if (!text.ok()) return text.status();
  return SplitAtNul(*text);
}

absl::StatusOr<std::string> ProcessFiles::FollowLinks(const ProcessKey& key, const std::string& path) {
  // Reads are named by directory, so a hanging file system blocks one read per directory, not one per
  // process.
  const std::string what = absl::StrCat("the links in ", path.substr(0, path.rfind('/') + 1));
  return reads_.Read<std::string>(
      what, [proc = OwnedRoot(), base = std::to_string(key.pid), path] { return Follow(*proc, base, path); });
}

absl::StatusOr<std::string> ProcessFiles::Exe(const ProcessKey& key) {
  absl::StatusOr<std::string> target = reads_.Read<std::string>(
      MemoryName(key),
      [proc = OwnedRoot(), pid = key.pid] { return proc->ReadLink(std::to_string(pid) + "/exe"); });
  constexpr std::string_view kDeleted = " (deleted)";
  if (target.ok() && target->size() >= kDeleted.size() &&
      target->compare(target->size() - kDeleted.size(), std::string::npos, kDeleted) == 0) {
    target->resize(target->size() - kDeleted.size());
  }
  return target;
}

absl::StatusOr<std::string> ProcessFiles::Cwd(pid_t pid) {
  return proc_.ReadLink(std::to_string(pid) + "/cwd");
}

absl::StatusOr<uid_t> ProcessFiles::Uid(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/status", &buffer_);
  if (!text.ok()) return text.status();
  const StatusFields fields = ParseStatus(*text);
  if (!fields.uid) return absl::InvalidArgumentError("status: no Uid");
  return *fields.uid;
}

absl::StatusOr<pid_t> ProcessFiles::InnermostPid(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/status", &buffer_);
  if (!text.ok()) return text.status();
  constexpr std::string_view kLabel = "\nNSpid:";
  const size_t start = text->find(kLabel);
  if (start == std::string_view::npos) return pid;  // a kernel without pid namespaces
  std::string_view line = text->substr(start + kLabel.size());
  line = line.substr(0, line.find('\n'));
  line = line.substr(line.find_last_of(" \t") + 1);
  pid_t inner = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), inner);
  if (parsed.ec != std::errc() || inner <= 0) return absl::InvalidArgumentError("status: no NSpid");
  return inner;
}

absl::StatusOr<std::vector<std::string>> ProcessFiles::OpenPaths(pid_t pid, std::string_view folder,
                                                                 std::string_view suffix) {
  constexpr size_t kMost = 64;
  const std::string name = std::to_string(pid) + "/fd";
  const base::Descriptor directory(
      ::openat(proc_.dir_fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return base::ErrnoStatus(errno, name);
  std::vector<std::string> paths;
  std::string buffer(16 << 10, '\0');
  ForEachEntry(directory.get(), &buffer, [&](const char* fd) {
    if (fd[0] == '.' || paths.size() >= kMost) return;
    absl::StatusOr<std::string> path = proc_.ReadLink(absl::StrCat(name, "/", fd));
    if (path.ok() && path->find(folder) != std::string::npos && path->ends_with(suffix)) {
      paths.push_back(*std::move(path));
    }
  });
  return paths;
}

absl::StatusOr<OpenDescriptors> ProcessFiles::Descriptors(const ProcessKey& key, size_t most, int first) {
  constexpr std::chrono::milliseconds kPatience{500};  // thousands of links on a busy machine
  return reads_.Read<OpenDescriptors>(
      absl::StrCat("the open files of process ", key.pid),
      [proc = OwnedRoot(), pid = key.pid, most, first] { return ListDescriptors(*proc, pid, most, first); },
      kPatience);
}

bool ProcessFiles::HasTerminal(pid_t pid) {
  const auto input = proc_.ReadLink(std::to_string(pid) + "/fd/0");
  return input.ok() && (input->starts_with("/dev/pts/") || input->starts_with("/dev/tty"));
}

bool ProcessFiles::HasOtherMounts(pid_t pid) {
  const auto ours = proc_.ReadLink("self/ns/mnt"), theirs = proc_.ReadLink(std::to_string(pid) + "/ns/mnt");
  return ours.ok() && theirs.ok() && *ours != *theirs;
}

absl::StatusOr<std::string> ProcessFiles::Cgroup(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/cgroup", &buffer_);
  if (!text.ok()) return text.status();
  return std::string(*text);
}

absl::StatusOr<ProcessLimits> ProcessFiles::Limits(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/limits", &buffer_);
  if (!text.ok()) return text.status();
  return ParseLimits(*text);
}

absl::StatusOr<ProportionalMemory> ProcessFiles::Proportional(const ProcessKey& key) {
  const absl::StatusOr<std::string> text = ReadMemory(key, "smaps_rollup", 64 << 10);
  if (!text.ok()) return text.status();
  const auto resident = KilobytesOf(*text, "\nPss:"), swapped = KilobytesOf(*text, "\nSwapPss:");
  if (!resident || !swapped) return absl::InvalidArgumentError("smaps_rollup has no Pss or no SwapPss");
  return ProportionalMemory{*resident * 1024, *swapped * 1024};
}

}  // namespace agent_exporter::kernel

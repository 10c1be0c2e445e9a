#include "kernel/procfs_source.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/errno_status.h"
#include "kernel/directory.h"

namespace agent_exporter::kernel {
namespace {

constexpr size_t kListingBytes = 64 << 10;
constexpr size_t kFileBytes = 8 << 10;  // the buffer grows for a status line of many groups
constexpr size_t kLongestStat = 4096;   // 52 numbers and a name
constexpr std::string_view kStatSuffix = "/stat";

// The pid of an entry of /proc; 0 for other entries.
pid_t PidOf(const char* name) {
  if (*name < '1' || *name > '9') return 0;
  pid_t pid = 0;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9' || pid > 100'000'000) return 0;
    pid = pid * 10 + (*name - '0');
  }
  return pid;
}

// A process' CPU clock counts nanoseconds, while stat rounds user and system time down to ticks. Any user may
// read the clock, even of a zombie (kernel/time/posix-cpu-timers.c). Returns `ticks` if the clock differs too
// much, because then another process has the pid now.
CpuTimes ExactCpu(pid_t pid, const CpuTimes& ticks) {
  constexpr int64_t kCutAtMost = 20'000'000;
  timespec now{};
  const auto clock =
      static_cast<clockid_t>(~static_cast<unsigned>(pid) << 3 | 2);  // as clock_getcpuclockid(3)
  if (clock_gettime(clock, &now) != 0) return ticks;
  const int64_t total = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  const int64_t cut = total - ticks.total_ns();
  if (cut < 0 || cut > kCutAtMost) return ticks;
  return ticks.system_ns > ticks.user_ns ? CpuTimes{ticks.user_ns, ticks.system_ns + cut}
                                         : CpuTimes{ticks.user_ns + cut, ticks.system_ns};
}

}  // namespace

ProcfsSource::ProcfsSource(const RootedReader& proc, Unreadable& unreadable, long clk_tck,
                           size_t max_held_descriptors)
    : proc_(proc),
      unreadable_(unreadable),
      clk_tck_(clk_tck),
      page_size_(static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))),
      max_held_descriptors_(max_held_descriptors),
      listing_(kListingBytes, '\0'),
      buffer_(kFileBytes, '\0') {
  struct statfs filesystem;
  is_procfs_ =
      proc_.ok() && ::fstatfs(proc_.dir_fd(), &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC;
  const auto self = proc_.ReadLink("self");
  is_own_procfs_ = is_procfs_ && self.ok() && *self == std::to_string(getpid());
  // This process has open descriptors, so size 0 means that this kernel does not count them there.
  struct stat fds;
  fd_size_is_count_ = is_procfs_ && ::fstatat(proc_.dir_fd(), "self/fd", &fds, 0) == 0 && fds.st_size > 0;
}

absl::Status ProcfsSource::ReadAll(std::vector<ProcessStat>* rows) {
  if (!proc_.ok()) return proc_.status();
  const base::Descriptor root(::openat(proc_.dir_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return base::ErrnoStatus(errno, proc_.root());

  size_t used = 0;
  rows->reserve(listed_ + listed_ / 16);
  const int error = ForEachEntry(root.get(), &listing_, [&](const char* name) {
    const pid_t pid = PidOf(name);
    if (pid == 0) return;
    char path[32];
    const size_t length = std::strlen(name);
    std::memcpy(path, name, length);
    std::memcpy(path + length, kStatSuffix.data(), kStatSuffix.size());
    path[length + kStatSuffix.size()] = '\0';
    // Reuses the caller's rows.
    if (used == rows->size()) rows->emplace_back();
    const absl::Status status = ReadRow(pid, path, &(*rows)[used]);
    if (status.ok()) {
      ++used;
    } else if (!absl::IsNotFound(status)) {
      unreadable_.Count("stat", status);
    }
  });
  rows->resize(used);
  listed_ = used;
  if (error != 0) return base::ErrnoStatus(error, proc_.root());
  return absl::OkStatus();
}

// Reads the row of the process that has this pid now.
absl::Status ProcfsSource::ReadRow(pid_t pid, const char* stat_path, ProcessStat* row) {
  char text[kLongestStat];
  ssize_t size = -1;
  const auto held = held_.find(pid);
  bool is_held = held != held_.end();
  if (is_held) {
    size = ::pread(held->second.files[kStat].get(), text, sizeof(text), 0);
    // The process is gone, but its pid is in the listing: a new process may have it, so read it by path.
    if (size < 0) {
      Release(held);
      is_held = false;
    }
  }
  if (size < 0) {
    const base::Descriptor file(::openat(proc_.dir_fd(), stat_path, O_RDONLY | O_CLOEXEC));
    if (file.ok()) size = ::read(file.get(), text, sizeof(text));
    if (size < 0) return base::ErrnoStatus(errno, stat_path);
  }
  absl::Status status = ParseStat({text, static_cast<size_t>(size)}, clk_tck_, row);
  if (status.ok() && row->key.pid != pid) status = absl::InvalidArgumentError("stat: another pid's");
  if (status.ok() && row->state == 'Z' && is_own_procfs_) row->cpu = ExactCpu(pid, row->cpu);
  if (status.ok() && is_held) held->second.faults = Faults(*row);
  return status;
}

absl::StatusOr<ProcessStat> ProcfsSource::ReadOne(const ProcessKey& key) {
  if (!proc_.ok()) return proc_.status();
  ProcessStat row;
  absl::Status status = ReadRow(key.pid, (std::to_string(key.pid) + "/stat").c_str(), &row);
  if (!status.ok()) return status;
  if (row.key != key && key.start_ticks != 0) return absl::NotFoundError("the process is gone");
  return row;
}

}  // namespace agent_exporter::kernel

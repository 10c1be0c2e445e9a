#include "kernel/procfs_source.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/directory.h"
#include "kernel/parse_process.h"

namespace agent_exporter {
namespace {

constexpr size_t kListingBytes = 64 << 10;
constexpr size_t kFileBytes = 8 << 10;  // a status line of many groups is longer: the buffer grows
constexpr size_t kLongestStat = 4096;   // 52 numbers and a name
constexpr const char* kFileNames[] = {"stat", "status", "statm", "fd", "io"};
constexpr std::string_view kStatSuffix = "/stat";

// The pid that an entry of /proc stands for; 0 for the other entries.
pid_t PidOf(const char* name) {
  if (*name < '1' || *name > '9') return 0;
  pid_t pid = 0;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9' || pid > 100'000'000) return 0;
    pid = pid * 10 + (*name - '0');
  }
  return pid;
}

absl::Status Gone() { return absl::NotFoundError("the process is gone"); }

}  // namespace

size_t ProcfsSource::OpenFiles::count() const {
  return static_cast<size_t>(
      std::count_if(files.begin(), files.end(), [](const Descriptor& f) { return f.ok(); }));
}

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
  // This process has open descriptors, so 0 means that the kernel does not count them there.
  struct stat fds;
  fd_size_is_count_ = is_procfs_ && ::fstatat(proc_.dir_fd(), "self/fd", &fds, 0) == 0 && fds.st_size > 0;
}

absl::Status ProcfsSource::ReadAll(std::vector<ProcessStat>* rows) {
  if (!proc_.ok()) return proc_.status();
  const Descriptor root(::openat(proc_.dir_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return ErrnoStatus(errno, proc_.root());

  size_t used = 0;
  const int error = ForEachEntry(root.get(), &listing_, [&](const char* name) {
    const pid_t pid = PidOf(name);
    if (pid == 0) return;
    char path[32];
    const size_t length = std::strlen(name);
    std::memcpy(path, name, length);
    std::memcpy(path + length, kStatSuffix.data(), kStatSuffix.size());
    path[length + kStatSuffix.size()] = '\0';
    // Rows of the last pass are written over, which spares their strings' allocations.
    if (used == rows->size()) rows->emplace_back();
    const absl::Status status = ReadRow(pid, path, &(*rows)[used]);
    if (status.ok()) {
      ++used;
    } else if (!absl::IsNotFound(status)) {
      unreadable_.Count("stat", status);
    }
  });
  rows->resize(used);
  if (error != 0) return ErrnoStatus(error, proc_.root());
  return absl::OkStatus();
}

// Reads the row of one pid, whoever has it now.
absl::Status ProcfsSource::ReadRow(pid_t pid, const char* stat_path, ProcessStat* row) {
  char text[kLongestStat];
  ssize_t size = -1;
  if (const auto held = held_.find(pid); held != held_.end()) {
    size = ::pread(held->second.files[kStat].get(), text, sizeof(text), 0);
    // Gone, but the listing has this pid: the next process may have it already, and is read by its path.
    if (size < 0) Release(held);
  }
  if (size < 0) {
    const Descriptor file(::openat(proc_.dir_fd(), stat_path, O_RDONLY | O_CLOEXEC));
    if (file.ok()) size = ::read(file.get(), text, sizeof(text));
    if (size < 0) return ErrnoStatus(errno, stat_path);
  }
  absl::Status status = ParseStat({text, static_cast<size_t>(size)}, clk_tck_, row);
  if (status.ok() && row->key.pid != pid) status = absl::InvalidArgumentError("stat: another pid's");
  return status;
}

absl::StatusOr<ProcessStat> ProcfsSource::ReadOne(const ProcessKey& key) {
  if (!proc_.ok()) return proc_.status();
  ProcessStat row;
  const absl::Status status = ReadRow(key.pid, (std::to_string(key.pid) + "/stat").c_str(), &row);
  if (!status.ok()) return status;
  if (row.key != key) return Gone();
  return row;
}

absl::StatusOr<ProcessUsage> ProcfsSource::ReadUsage(const ProcessKey& key, const UsageFields& fields) {
  if (!proc_.ok()) return proc_.status();
  std::array<bool, kFileCount> wanted{};
  const bool status_file = fields.memory_parts || fields.context_switches;
  wanted[kStatus] = status_file;
  wanted[kStatm] = !status_file;  // a fifth of status' cost, and the same figures
  wanted[kFd] = fields.open_fds;
  wanted[kIo] = fields.io;

  // On every error below the files close with this.
  OpenFiles open = TakeHeld(key);
  absl::Status status = OpenMissing(key, wanted, &open);
  ProcessUsage usage;
  if (status.ok()) status = ReadMemory(fields, &open, &usage);
  if (status.ok() && wanted[kFd]) status = ReadOpenFds(&open, &usage);
  if (status.ok() && wanted[kIo]) status = ReadIo(&open, &usage);
  if (!status.ok()) return status;
  Hold(key, std::move(open));
  return usage;
}

// Opens what is wanted and not open yet, below the directory of the process that `key` names and no other.
absl::Status ProcfsSource::OpenMissing(const ProcessKey& key, const std::array<bool, kFileCount>& wanted,
                                       OpenFiles* open) {
  bool complete = true;
  for (int i = 0; i < kFileCount; ++i) complete &= !wanted[i] || open->files[i].ok();
  if (complete) return absl::OkStatus();

  const std::string pid = std::to_string(key.pid);
  const Descriptor dir(::openat(proc_.dir_fd(), pid.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok()) return ErrnoStatus(errno, pid);
  // All that is opened below `dir` is this process', so that one look at its start time vouches for every
  // file.
  Descriptor stat(::openat(dir.get(), "stat", O_RDONLY | O_CLOEXEC));
  if (!stat.ok()) return ErrnoStatus(errno, pid);
  const absl::StatusOr<std::string_view> text = ReadHeld(stat, "stat");
  if (!text.ok()) return text.status();
  ProcessStat row;
  if (const absl::Status status = ParseStat(*text, clk_tck_, &row); !status.ok()) return status;
  if (row.key != key) return Gone();
  open->start_ticks = key.start_ticks;
  open->files[kStat] = std::move(stat);

  for (int i = 0; i < kFileCount; ++i) {
    if (!wanted[i] || open->files[i].ok()) continue;
    // O_PATH: the number of descriptors is the directory's size, which takes no permission to read it.
    const int flags = i == kFd ? O_PATH | O_DIRECTORY : O_RDONLY;
    open->files[i] = Descriptor(::openat(dir.get(), kFileNames[i], flags | O_CLOEXEC));
    if (open->files[i].ok()) continue;
    const int error = errno;
    if ((error == ENOENT || error == ESRCH) && ::faccessat(dir.get(), "stat", F_OK, 0) != 0) return Gone();
    unreadable_.Count(kFileNames[i], ErrnoStatus(error, kFileNames[i]));
  }
  return absl::OkStatus();
}

// Resident and virtual memory come from status or statm: stat's own figure is inexact since 6.2, while these
// two sum up the per-CPU counters (get_mm_counter_sum, 6.16) or read the same ones as each other (before).
absl::Status ProcfsSource::ReadMemory(const UsageFields& fields, OpenFiles* open, ProcessUsage* usage) {
  if (const Descriptor& file = open->files[kStatm]; !fields.memory_parts && !fields.context_switches) {
    if (!file.ok()) return absl::OkStatus();
    const absl::StatusOr<std::string_view> text = ReadHeld(file, "statm");
    if (!text.ok()) return Note(kStatm, text.status(), open);
    const absl::StatusOr<StatmFields> statm = ParseStatm(*text, page_size_);
    if (!statm.ok()) return Note(kStatm, statm.status(), open);
    usage->virtual_bytes = statm->virtual_bytes;
    usage->resident_bytes = statm->resident_bytes;
    return absl::OkStatus();
  }
  if (!open->files[kStatus].ok()) return absl::OkStatus();
  const absl::StatusOr<std::string_view> text = ReadHeld(open->files[kStatus], "status");
  if (!text.ok()) return Note(kStatus, text.status(), open);
  const StatusFields status = ParseStatus(*text, fields.context_switches);
  if (status.malformed) unreadable_.Count("status", absl::InvalidArgumentError("status"));
  usage->resident_bytes = status.resident_bytes;
  usage->virtual_bytes = status.virtual_bytes;
  if (fields.memory_parts) {
    usage->anon_bytes = status.anon_bytes;
    usage->file_bytes = status.file_bytes;
    usage->shmem_bytes = status.shmem_bytes;
    usage->swap_bytes = status.swap_bytes;
  }
  if (fields.context_switches) {
    usage->voluntary_switches = status.voluntary_switches;
    usage->involuntary_switches = status.involuntary_switches;
  }
  return absl::OkStatus();
}

absl::Status ProcfsSource::ReadOpenFds(OpenFiles* open, ProcessUsage* usage) {
  const Descriptor& dir = open->files[kFd];
  if (!dir.ok()) return absl::OkStatus();
  if (fd_size_is_count_) {
    struct stat fds;
    if (::fstat(dir.get(), &fds) != 0) return Note(kFd, ErrnoStatus(errno, "fd"), open);
    usage->open_fds = static_cast<uint64_t>(fds.st_size);
    return absl::OkStatus();
  }
  const absl::StatusOr<uint64_t> count = CountEntries(dir);
  if (!count.ok()) return Note(kFd, count.status(), open);
  usage->open_fds = *count;
  return absl::OkStatus();
}

absl::Status ProcfsSource::ReadIo(OpenFiles* open, ProcessUsage* usage) {
  const Descriptor& file = open->files[kIo];
  if (!file.ok()) return absl::OkStatus();
  const absl::StatusOr<std::string_view> text = ReadHeld(file, "io");
  if (!text.ok()) return Note(kIo, text.status(), open);
  const absl::StatusOr<IoFields> io = ParseIo(*text);
  if (!io.ok()) return Note(kIo, io.status(), open);
  usage->io_read_bytes = io->read_bytes;
  usage->io_write_bytes = io->write_bytes;
  return absl::OkStatus();
}

// The whole of an open file. These files hand out all they have in one read (single_open), so a short one is
// the end.
absl::StatusOr<std::string_view> ProcfsSource::ReadHeld(const Descriptor& file, std::string_view name) {
  while (true) {
    const ssize_t size = ::pread(file.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0) return ErrnoStatus(errno, name);
    if (static_cast<size_t>(size) < buffer_.size()) return std::string_view(buffer_.data(), size);
    buffer_.resize(buffer_.size() * 2);
  }
}

absl::StatusOr<uint64_t> ProcfsSource::CountEntries(const Descriptor& dir) {
  const Descriptor readable(::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable.ok()) return ErrnoStatus(errno, "fd");
  uint64_t count = 0;
  const int error = ForEachEntry(readable.get(), &buffer_, [&](const char* name) { count += *name != '.'; });
  if (error != 0) return ErrnoStatus(error, "fd");
  return count;
}

// A field that could not be read: an error when the process went, else one more count and an empty field.
absl::Status ProcfsSource::Note(File file, const absl::Status& why, OpenFiles* open) {
  if (absl::IsNotFound(why)) return why;
  unreadable_.Count(kFileNames[file], why);
  open->files[file].Close();
  return absl::OkStatus();
}

ProcfsSource::OpenFiles ProcfsSource::TakeHeld(const ProcessKey& key) {
  const auto held = held_.find(key.pid);
  if (held == held_.end() || held->second.start_ticks != key.start_ticks) return {};
  OpenFiles open = std::move(held->second);
  held_descriptors_ -= open.count();
  held_.erase(held);
  return open;
}

void ProcfsSource::Hold(const ProcessKey& key, OpenFiles open) {
  if (!is_procfs_) return;
  // What the pid's last owner left.
  if (const auto stale = held_.find(key.pid); stale != held_.end()) Release(stale);
  const size_t count = open.count();
  if (held_descriptors_ + count > max_held_descriptors_) return;
  held_descriptors_ += count;
  held_.emplace(key.pid, std::move(open));
}

void ProcfsSource::Release(HeldMap::iterator held) {
  held_descriptors_ -= held->second.count();
  held_.erase(held);
}

void ProcfsSource::Forget(const ProcessKey& key) {
  if (const auto held = held_.find(key.pid);
      held != held_.end() && held->second.start_ticks == key.start_ticks) {
    Release(held);
  }
}

}  // namespace agent_exporter

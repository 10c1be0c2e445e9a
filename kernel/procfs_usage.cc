// How ProcfsSource reads watched processes, and the descriptors it keeps open for them.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "kernel/directory.h"
#include "kernel/parse_process.h"
#include "kernel/process_threads.h"
#include "kernel/procfs_source.h"

namespace agent_exporter::kernel {
namespace {

constexpr const char* kFileNames[] = {"stat", "status", "statm", "fd", "io"};

absl::Status Gone() { return absl::NotFoundError("the process is gone"); }
absl::Status MemoryGone() { return absl::FailedPreconditionError("the process has released its memory"); }

}  // namespace

size_t ProcfsSource::OpenFiles::count() const {
  return static_cast<size_t>(
      std::count_if(files.begin(), files.end(), [](const base::Descriptor& f) { return f.ok(); }));
}

absl::StatusOr<ProcessUsage> ProcfsSource::ReadUsage(const ProcessKey& key, const UsageFields& fields) {
  if (!proc_.ok()) return proc_.status();
  const auto held = held_.find(key.pid);
  const bool is_held = held != held_.end() && held->second.start_ticks == key.start_ticks;
  if (!is_held) {
    OpenFiles open;
    absl::StatusOr<ProcessUsage> usage = ReadUsageThrough(key, fields, &open);
    if (usage.ok()) Hold(key, std::move(open));
    return usage;
  }
  OpenFiles& open = held->second;
  held_descriptors_ -= open.count();
  absl::StatusOr<ProcessUsage> usage = ReadUsageThrough(key, fields, &open);
  held_descriptors_ += open.count();
  if (!usage.ok() || held_descriptors_ > max_held_descriptors_) Release(held);
  return usage;
}

absl::StatusOr<ProcessUsage> ProcfsSource::ReadUsageThrough(const ProcessKey& key, const UsageFields& fields,
                                                            OpenFiles* open) {
  std::array<bool, kFileCount> wanted{};
  const bool status_file = fields.memory_parts || fields.context_switches;
  wanted[kStatus] = status_file && !open->parts;
  wanted[kStatm] = !status_file || RemembersParts(fields);
  wanted[kFd] = fields.open_fds;
  wanted[kIo] = fields.io;

  ProcessUsage usage;
  absl::Status status = OpenMissing(key, wanted, open);
  if (status.ok()) status = ReadMemory(key, fields, open, &usage);
  if (status.ok() && wanted[kFd]) status = ReadOpenFds(open, &usage);
  if (status.ok() && wanted[kIo]) status = ReadIo(open, &usage);
  if (status.ok() && fields.threads) status = ReadThreads(key, &usage);
  if (status.ok() && fields.fd_limit) status = ReadFdLimit(key, &usage);
  if (!status.ok()) return status;
  return usage;
}

// Opens the wanted files that are not open yet, and makes sure that they belong to `key`.
absl::Status ProcfsSource::OpenMissing(const ProcessKey& key, const std::array<bool, kFileCount>& wanted,
                                       OpenFiles* open) {
  bool complete = true;
  for (int i = 0; i < kFileCount; ++i) complete &= !wanted[i] || open->files[i].ok();
  if (complete) return absl::OkStatus();

  const std::string pid = std::to_string(key.pid);
  const base::Descriptor dir(::openat(proc_.dir_fd(), pid.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok()) return base::ErrnoStatus(errno, pid);
  // Everything opened below `dir` belongs to one process, so checking its start time once covers every file.
  base::Descriptor stat(::openat(dir.get(), "stat", O_RDONLY | O_CLOEXEC));
  if (!stat.ok()) return base::ErrnoStatus(errno, pid);
  const absl::StatusOr<std::string_view> text = ReadHeld(stat, "stat");
  if (!text.ok()) return text.status();
  ProcessStat row;
  if (const absl::Status status = ParseStat(*text, clk_tck_, &row); !status.ok()) return status;
  if (row.key != key) return Gone();
  open->start_ticks = key.start_ticks;
  open->faults = Faults(row);
  open->files[kStat] = std::move(stat);

  for (int i = 0; i < kFileCount; ++i) {
    if (!wanted[i] || open->files[i].ok()) continue;
    // O_PATH: the directory's size is the number of descriptors, and needs no permission to read the
    // directory.
    const int flags = i == kFd ? O_PATH | O_DIRECTORY : O_RDONLY;
    open->files[i] = base::Descriptor(::openat(dir.get(), kFileNames[i], flags | O_CLOEXEC));
    if (open->files[i].ok()) continue;
    const int error = errno;
    if ((error == ENOENT || error == ESRCH) && ::faccessat(dir.get(), "stat", F_OK, 0) != 0) return Gone();
    unreadable_.Count(kFileNames[i], base::ErrnoStatus(error, kFileNames[i]));
  }
  return absl::OkStatus();
}

// False if no files stay open, or if the context switches are wanted, because they change without memory.
bool ProcfsSource::RemembersParts(const UsageFields& fields) const {
  return is_procfs_ && max_held_descriptors_ > 0 && fields.memory_parts && !fields.context_switches;
}

// Resident and virtual memory come from status or statm: the figure in stat is inexact since 6.2. These two
// agree with each other: both sum up the per-CPU counters since 6.16 (get_mm_counter_sum), and both read the
// same inexact counters before.
absl::Status ProcfsSource::ReadMemory(const ProcessKey& key, const UsageFields& fields, OpenFiles* open,
                                      ProcessUsage* usage) {
  std::optional<StatmFields> totals;
  if (open->files[kStatm].ok()) {
    const absl::StatusOr<std::optional<StatmFields>> statm = ReadStatm(open);
    if (!statm.ok()) return statm.status();
    totals = *statm;
  }
  if (totals) {
    usage->virtual_bytes = totals->virtual_bytes;
    usage->resident_bytes = totals->resident_bytes;
  }
  if (totals && !totals->virtual_bytes) return MemoryGone();
  if (!fields.memory_parts && !fields.context_switches) return absl::OkStatus();

  const std::optional<MemoryParts>& last = open->parts;
  const bool remembers = RemembersParts(fields);
  const uint64_t faults =
      open->faults;  // taken before status, so that a fault in between is noticed next time
  const bool unmoved = remembers && last && totals && totals == last->statm && faults == last->faults;
  std::optional<StatusFields> status;
  if (unmoved) {
    status = last->status;
  } else {
    absl::StatusOr<std::optional<StatusFields>> read = ReadStatus(key, fields.context_switches, open);
    if (!read.ok()) return read.status();
    status = *std::move(read);
  }
  // Stays open only while memory keeps changing, because every open file costs a page in the kernel.
  if (remembers && (unmoved || !last)) open->files[kStatus].Close();
  if (!status) return absl::OkStatus();
  if (remembers && !unmoved && !status->malformed) open->parts = {*status, totals, faults};

  usage->resident_bytes = status->resident_bytes;
  usage->virtual_bytes = status->virtual_bytes;
  if (!status->virtual_bytes && !status->malformed) return MemoryGone();
  if (fields.memory_parts) {
    usage->anon_bytes = status->anon_bytes;
    usage->file_bytes = status->file_bytes;
    usage->shmem_bytes = status->shmem_bytes;
    usage->swap_bytes = status->swap_bytes;
  }
  if (fields.context_switches) {
    usage->voluntary_switches = status->voluntary_switches;
    usage->involuntary_switches = status->involuntary_switches;
  }
  return absl::OkStatus();
}

// Empty: not readable, and counted as such. An error: the process is gone.
absl::StatusOr<std::optional<StatmFields>> ProcfsSource::ReadStatm(OpenFiles* open) {
  const absl::StatusOr<std::string_view> text = ReadHeld(open->files[kStatm], "statm");
  const absl::StatusOr<StatmFields> statm = text.ok() ? ParseStatm(*text, page_size_) : text.status();
  if (statm.ok()) return *statm;
  if (absl::Status gone = HandleUnreadable(kStatm, statm.status(), open); !gone.ok()) return gone;
  return std::nullopt;
}

absl::StatusOr<std::optional<StatusFields>> ProcfsSource::ReadStatus(const ProcessKey& key, bool switches,
                                                                     OpenFiles* open) {
  if (open->parts) {  // otherwise it was tried already
    std::array<bool, kFileCount> wanted{};
    wanted[kStatus] = true;
    if (absl::Status status = OpenMissing(key, wanted, open); !status.ok()) return status;
  }
  if (!open->files[kStatus].ok()) return std::nullopt;
  const absl::StatusOr<std::string_view> text = ReadHeld(open->files[kStatus], "status");
  if (!text.ok()) {
    if (absl::Status gone = HandleUnreadable(kStatus, text.status(), open); !gone.ok()) return gone;
    return std::nullopt;
  }
  StatusFields status = ParseStatus(*text, switches);
  if (status.malformed) unreadable_.Count("status", absl::InvalidArgumentError("status"));
  return status;
}

absl::Status ProcfsSource::ReadOpenFds(OpenFiles* open, ProcessUsage* usage) {
  const base::Descriptor& dir = open->files[kFd];
  if (!dir.ok()) return absl::OkStatus();
  if (fd_size_is_count_) {
    struct stat fds;
    if (::fstat(dir.get(), &fds) != 0) return HandleUnreadable(kFd, base::ErrnoStatus(errno, "fd"), open);
    usage->open_fds = static_cast<uint64_t>(fds.st_size);
    return absl::OkStatus();
  }
  const absl::StatusOr<uint64_t> count = CountEntries(dir);
  if (!count.ok()) return HandleUnreadable(kFd, count.status(), open);
  usage->open_fds = *count;
  return absl::OkStatus();
}

absl::Status ProcfsSource::ReadIo(OpenFiles* open, ProcessUsage* usage) {
  const base::Descriptor& file = open->files[kIo];
  if (!file.ok()) return absl::OkStatus();
  const absl::StatusOr<std::string_view> text = ReadHeld(file, "io");
  if (!text.ok()) return HandleUnreadable(kIo, text.status(), open);
  const absl::StatusOr<IoFields> io = ParseIo(*text);
  if (!io.ok()) return HandleUnreadable(kIo, io.status(), open);
  usage->io_read_bytes = io->read_bytes;
  usage->io_write_bytes = io->write_bytes;
  return absl::OkStatus();
}

absl::Status ProcfsSource::ReadThreads(const ProcessKey& key, ProcessUsage* usage) {
  const absl::StatusOr<ThreadFigures> threads = ReadThreadFigures(proc_, key.pid);
  if (absl::IsNotFound(threads.status())) return threads.status();
  if (!threads.ok()) unreadable_.Count("task", threads.status());
  if (threads.ok()) usage->threads = *threads;
  return absl::OkStatus();
}

absl::Status ProcfsSource::ReadFdLimit(const ProcessKey& key, ProcessUsage* usage) {
  std::string buffer;
  const absl::StatusOr<std::string_view> limits = proc_.Read(std::to_string(key.pid) + "/limits", &buffer);
  if (absl::IsNotFound(limits.status())) return limits.status();
  const absl::StatusOr<ProcessLimits> parsed = limits.ok() ? ParseLimits(*limits) : limits.status();
  if (!parsed.ok()) unreadable_.Count("limits", parsed.status());
  if (parsed.ok()) usage->fd_limit = parsed->open_files;
  return absl::OkStatus();
}

// Reads a whole open file. These files return everything in one read (single_open), so a short read means the
// end.
absl::StatusOr<std::string_view> ProcfsSource::ReadHeld(const base::Descriptor& file, std::string_view name) {
  while (true) {
    const ssize_t size = ::pread(file.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0) return base::ErrnoStatus(errno, name);
    if (static_cast<size_t>(size) < buffer_.size()) return std::string_view(buffer_.data(), size);
    buffer_.resize(buffer_.size() * 2);
  }
}

absl::StatusOr<uint64_t> ProcfsSource::CountEntries(const base::Descriptor& dir) {
  const base::Descriptor readable(::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable.ok()) return base::ErrnoStatus(errno, "fd");
  uint64_t count = 0;
  const int error = ForEachEntry(readable.get(), &buffer_, [&](const char* name) { count += *name != '.'; });
  if (error != 0) return base::ErrnoStatus(error, "fd");
  return count;
}

// Handles a field that could not be read: returns an error if the process is gone, otherwise counts it and
// leaves the field empty.
absl::Status ProcfsSource::HandleUnreadable(File file, const absl::Status& why, OpenFiles* open) {
  if (absl::IsNotFound(why)) return why;
  unreadable_.Count(kFileNames[file], why);
  open->files[file].Close();
  return absl::OkStatus();
}

void ProcfsSource::Hold(const ProcessKey& key, OpenFiles open) {
  if (!is_procfs_) return;
  // Releases the files of the previous process with this pid.
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

}  // namespace agent_exporter::kernel

// The ProcessSource that works on every kernel and without privileges: /proc (proc(5)).
//
// The design keeps the cost low. A whole pass reads one file per process, without allocation. Files of
// watched processes stay open: a pread of an open file costs half of open, read and close. An open file never
// shows another process, because the kernel ties it to the process and returns ESRCH once that is gone
// (fs/proc/base.c, get_proc_task). status, the most expensive file, is read again only after memory changed:
// a process gains pages only by page faults, and losses show in statm, at a fifth of the cost.
//
// Ownership: the caller owns the reader and the counters, which must outlive the source; the source owns its
// descriptors (all close-on-exec). Thread safety and errors: as ProcessSource.

#ifndef AGENT_EXPORTER_KERNEL_PROCFS_SOURCE_H_
#define AGENT_EXPORTER_KERNEL_PROCFS_SOURCE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/descriptor.h"
#include "kernel/parse_process.h"
#include "kernel/process_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter::kernel {

class ProcfsSource final : public ProcessSource {
 public:
  // clk_tck: sysconf(_SC_CLK_TCK). At most max_held_descriptors stay open between calls: three for each
  // process passed to ReadUsage, one more with io and one more while its memory changes. The files of further
  // processes are opened on each call. The caller derives the number from RLIMIT_NOFILE; 0 keeps none open.
  // If the root is not a procfs (a test's tree), none stays open.
  ProcfsSource(const RootedReader& proc, Unreadable& unreadable, long clk_tck, size_t max_held_descriptors);

  std::string_view name() const override { return "procfs"; }
  absl::Status ReadAll(std::vector<ProcessStat>* rows) override;
  absl::StatusOr<ProcessStat> ReadOne(const ProcessKey& key) override;
  // Counts a file as missing if it does not exist although the process lives (io on a kernel without task
  // accounting).
  absl::StatusOr<ProcessUsage> ReadUsage(const ProcessKey& key, const UsageFields& fields) override;
  void Forget(const ProcessKey& key) override;

  // How many descriptors are open now.
  size_t held_descriptors() const { return held_descriptors_; }

 private:
  enum File { kStat, kStatus, kStatm, kFd, kIo, kFileCount };

  // The memory lines of status, with the statm and page faults of that time: while both stay the same, so do
  // the lines.
  struct MemoryParts {
    StatusFields status;
    std::optional<StatmFields> statm;
    uint64_t faults = 0;
  };

  // The open files of one process, all of the same identity.
  struct OpenFiles {
    uint64_t start_ticks = 0;
    uint64_t faults = 0;  // as of the last time its stat was read
    std::optional<MemoryParts> parts;
    std::array<base::Descriptor, kFileCount> files;

    size_t count() const;
  };
  using HeldMap = absl::flat_hash_map<pid_t, OpenFiles>;

  absl::Status ReadRow(pid_t pid, const char* stat_path, ProcessStat* row);
  absl::StatusOr<ProcessUsage> ReadUsageThrough(const ProcessKey& key, const UsageFields& fields,
                                                OpenFiles* open);
  absl::Status OpenMissing(const ProcessKey& key, const std::array<bool, kFileCount>& wanted,
                           OpenFiles* open);
  absl::Status ReadMemory(const ProcessKey& key, const UsageFields& fields, OpenFiles* open,
                          ProcessUsage* usage);
  absl::StatusOr<std::optional<StatmFields>> ReadStatm(OpenFiles* open);
  absl::StatusOr<std::optional<StatusFields>> ReadStatus(const ProcessKey& key, bool switches,
                                                         OpenFiles* open);
  static uint64_t Faults(const ProcessStat& row) { return row.minor_faults + row.major_faults; }
  bool RemembersParts(const UsageFields& fields) const;
  absl::Status ReadOpenFds(OpenFiles* open, ProcessUsage* usage);
  absl::Status ReadIo(OpenFiles* open, ProcessUsage* usage);
  absl::Status ReadThreads(const ProcessKey& key, ProcessUsage* usage);
  absl::Status ReadFdLimit(const ProcessKey& key, ProcessUsage* usage);
  absl::StatusOr<std::string_view> ReadHeld(const base::Descriptor& file, std::string_view name);
  absl::StatusOr<uint64_t> CountEntries(const base::Descriptor& dir);
  absl::Status HandleUnreadable(File file, const absl::Status& why, OpenFiles* open);
  void Hold(const ProcessKey& key, OpenFiles open);
  void Release(HeldMap::iterator held);

  const RootedReader& proc_;
  Unreadable& unreadable_;
  const long clk_tck_;
  const uint64_t page_size_;
  bool is_procfs_ = false;
  bool is_own_procfs_ = false;     // its pids are this process' own
  bool fd_size_is_count_ = false;  // kernel >= 6.2
  size_t max_held_descriptors_;
  size_t held_descriptors_ = 0;
  HeldMap held_;
  std::string listing_;  // getdents64 of the root
  size_t listed_ = 0;    // processes, the last time
  std::string buffer_;   // one file, or the listing of an fd directory
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCFS_SOURCE_H_

// The ProcessSource that works on every kernel and without privileges: /proc (proc(5)).
//
// Cost is what this class is about. A whole pass is one read of one file per process, without allocation. Of
// watched processes the files are held open: a pread of a held file costs half of open, read and close, and a
// held file cannot turn into a stranger's, since the kernel ties it to the process and answers ESRCH once
// that is gone (fs/proc/base.c, get_proc_task). status, the dearest of them, is read again only when memory
// moved: without a page fault a process maps no page, and what it loses shows in statm, at a fifth of the
// cost.
//
// Ownership: the reader and the counters are the caller's and must outlive the source; the source owns its
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
  // clk_tck: sysconf(_SC_CLK_TCK). At most max_held_descriptors stay open between calls (three for each
  // process that ReadUsage was asked for, one more with io and one more while its memory moves); processes
  // beyond that are opened anew each time. 0 holds none. The caller takes it from RLIMIT_NOFILE. Below a root
  // that is no procfs (a test's tree) none is held.
  ProcfsSource(const RootedReader& proc, Unreadable& unreadable, long clk_tck, size_t max_held_descriptors);

  std::string_view name() const override { return "procfs"; }
  absl::Status ReadAll(std::vector<ProcessStat>* rows) override;
  absl::StatusOr<ProcessStat> ReadOne(const ProcessKey& key) override;
  // A file that is not there although the process lives (io of a kernel without task accounting) counts as
  // missing.
  absl::StatusOr<ProcessUsage> ReadUsage(const ProcessKey& key, const UsageFields& fields) override;
  void Forget(const ProcessKey& key) override;

  // How many descriptors are held now.
  size_t held_descriptors() const { return held_descriptors_; }

 private:
  enum File { kStat, kStatus, kStatm, kFd, kIo, kFileCount };

  // The memory lines of status, and what told that they still hold: statm and the page faults then.
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
  absl::StatusOr<std::string_view> ReadHeld(const base::Descriptor& file, std::string_view name);
  absl::StatusOr<uint64_t> CountEntries(const base::Descriptor& dir);
  absl::Status Note(File file, const absl::Status& why, OpenFiles* open);
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

// Parsers of the files below /proc/<pid>: text in, values out, no I/O (proc(5), fs/proc/ in the kernel).
//
// Strict: text that is truncated or not in the kernel's format gives InvalidArgument or an empty optional,
// never a guess and never 0. Units are those of kernel/process.h.
//
// Thread safety: pure functions. No allocation on success, except ParseCgroup's vector.

#ifndef AGENT_EXPORTER_KERNEL_PARSE_PROCESS_H_
#define AGENT_EXPORTER_KERNEL_PARSE_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// Fields 1 to 28 of /proc/<pid>/stat. The name ends at the last ')', because it may itself contain
// parentheses, blanks and newlines. On success every field of *stat is set; on an error its content is
// unspecified. ticks_per_second is sysconf(_SC_CLK_TCK).
absl::Status ParseStat(std::string_view text, int64_t ticks_per_second, ProcessStat* stat);

// /proc/<pid>/status. Zombies and kernel threads have no memory lines. The switches are the main thread's.
struct StatusFields {
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> virtual_bytes;
  std::optional<uint64_t> anon_bytes;
  std::optional<uint64_t> file_bytes;
  std::optional<uint64_t> shmem_bytes;
  std::optional<uint64_t> swap_bytes;
  std::optional<uid_t> uid;  // real
  std::optional<uint32_t> threads;
  std::optional<uint64_t> voluntary_switches;
  std::optional<uint64_t> involuntary_switches;
  bool malformed = false;  // a line was truncated, or one of these fields is not in the kernel's format
};
// Without `switches`, skips the second half of the file, which has the context switches.
StatusFields ParseStatus(std::string_view text, bool switches = true);

// Whether the process ignores `signal` (SigIgn). False if there is no such line.
bool IgnoresSignal(std::string_view status, int signal);

// /proc/<pid>/statm, which counts pages. All fields are empty for a process without memory (zombie, kernel
// thread), for which the kernel prints zeros.
struct StatmFields {
  std::optional<uint64_t> virtual_bytes;
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> shared_bytes;  // RssFile and RssShmem of status together

  friend bool operator==(const StatmFields&, const StatmFields&) = default;
};
absl::StatusOr<StatmFields> ParseStatm(std::string_view text, uint64_t page_size);

// /proc/<pid>/io: bytes that were read from or written to storage.
struct IoFields {
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
};
absl::StatusOr<IoFields> ParseIo(std::string_view text);

// /proc/<pid>/limits: the soft limits.
absl::StatusOr<ProcessLimits> ParseLimits(std::string_view text);

// One line "id:controllers:path" of /proc/<pid>/cgroup (cgroups(7)). The views point into the parsed text.
struct CgroupMembership {
  std::string_view
      controllers;  // comma-separated; empty on v2, "name=..." for a named hierarchy without controllers
  std::string_view path;  // from the root of the hierarchy, starts with '/'
  bool v2 = false;

  bool HasController(std::string_view controller) const;
};
// Skips malformed lines and a truncated last line.
std::vector<CgroupMembership> ParseCgroup(std::string_view text);

// The words of cmdline or environ, each ended by a NUL; the last one may lack it.
std::vector<std::string> SplitAtNul(std::string_view text);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PARSE_PROCESS_H_

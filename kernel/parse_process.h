// Parsers of the files below /proc/<pid>: text in, values out, no I/O (proc(5), fs/proc/ in the kernel).
//
// Strict: text that is cut, or does not have the kernel's form, is InvalidArgument or an empty optional,
// never a guess and never 0. Units are those of kernel/process.h.
//
// Thread safety: pure functions. No allocation on success, but for ParseCgroup's vector.

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

// /proc/<pid>/stat, a line of which fields 1 to 28 are read. The name ends at the last ')': it may hold
// parentheses, blanks and newlines itself. Every field of *stat is set on success; on an error its content is
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
  bool malformed = false;  // a line was cut, or one of these fields did not have the kernel's form
};
// Without `switches` the second half of the file, which has those, is skipped.
StatusFields ParseStatus(std::string_view text, bool switches = true);

// Whether the process ignores `signal` (SigIgn). Also false if there is no such line.
bool IgnoresSignal(std::string_view status, int signal);

// /proc/<pid>/statm, which counts pages. All are empty for a process without memory (zombie, kernel thread),
// of which the kernel prints zeros.
struct StatmFields {
  std::optional<uint64_t> virtual_bytes;
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> shared_bytes;  // RssFile and RssShmem of status together

  friend bool operator==(const StatmFields&, const StatmFields&) = default;
};
absl::StatusOr<StatmFields> ParseStatm(std::string_view text, uint64_t page_size);

// /proc/<pid>/io: bytes that reached storage or came from it.
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
// Lines of another form, and a last one that is cut, are left out.
std::vector<CgroupMembership> ParseCgroup(std::string_view text);

// The words of cmdline or environ, each ended by a NUL; the last one may lack it.
std::vector<std::string> SplitAtNul(std::string_view text);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PARSE_PROCESS_H_

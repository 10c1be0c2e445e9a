// Parsers of the host's files below /proc and of cgroup files: text in, values out, no I/O (proc(5),
// Documentation/accounting/psi.rst, Documentation/admin-guide/cgroup-v2.rst).
//
// Strict, as in kernel/parse_process.h: InvalidArgument for text that is not in the kernel's format, NotFound
// if a file lacks the requested key.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_KERNEL_PARSE_HOST_H_
#define AGENT_EXPORTER_KERNEL_PARSE_HOST_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernel/host.h"

namespace agent_exporter::kernel {

// /proc/meminfo.
absl::StatusOr<HostMemory> ParseMeminfo(std::string_view text);

// /proc/loadavg: "0.24 0.24 0.10 running/threads last_pid".
absl::StatusOr<HostLoad> ParseLoadavg(std::string_view text);

// /proc/pressure/<resource>: adds the stall times of its lines "some ..." and "full ..." to *pressure.
absl::Status ParsePressure(std::string_view text, std::string_view resource, HostPressure* pressure);

// /proc/sys/fs/file-nr: "allocated free maximum".
struct FileHandles {
  uint64_t used = 0;  // allocated minus free
  uint64_t max = 0;
};
absl::StatusOr<FileHandles> ParseFileNr(std::string_view text);

// A file with a single number, with or without a newline (pid_max, pids.current).
absl::StatusOr<uint64_t> ParseNumber(std::string_view text);

// As ParseNumber, but "max", which means no limit in cgroup v2, gives an empty optional.
absl::StatusOr<std::optional<uint64_t>> ParseNumberOrMax(std::string_view text);

// The number of the line "key number" (/proc/stat, /proc/vmstat, memory.stat).
absl::StatusOr<uint64_t> ParseKeyedNumber(std::string_view text, std::string_view key);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PARSE_HOST_H_

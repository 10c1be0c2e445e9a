// The host's own figures: memory, load, pressure, tasks, descriptors. A part that could not be read is empty.
//
// Thread safety: HostReader none (a shared buffer); HostSample is a value.

#ifndef AGENT_EXPORTER_KERNEL_HOST_H_
#define AGENT_EXPORTER_KERNEL_HOST_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter::kernel {

// Bytes. free is MemAvailable, or MemFree on kernels before 3.14 that lack it; used = total - free.
struct HostMemory {
  uint64_t total = 0;
  uint64_t available = 0;
  uint64_t used = 0;
  uint64_t swap_free = 0;
};

struct HostLoad {
  std::array<double, 3> average{};  // 1, 5, 15 minutes
  uint64_t threads = 0;             // all tasks: the number after the slash in /proc/loadavg
};

// Cumulative stall times in seconds by (resource, kind), for instance {"memory", "full"}
// (Documentation/accounting/psi).
using HostPressure = std::map<std::pair<std::string, std::string>, double>;

struct HostSample {
  std::optional<HostMemory> memory;
  std::optional<HostLoad> load;
  HostPressure pressure;
  std::optional<uint64_t> processes;  // thread groups; the caller fills it in
  // Live processes by name (comm), for the configured names; the caller fills it in after a full walk.
  std::map<std::string, uint64_t> named_processes;
  std::optional<uint64_t> pid_max;
  std::optional<uint64_t> threads_max;
  std::optional<uint64_t> open_fds;  // allocated minus free file handles: /proc/sys/fs/file-nr
  std::optional<uint64_t> max_fds;
  std::optional<uint64_t> oom_kills;  // /proc/vmstat oom_kill, kernel >= 4.13
};

class HostReader {
 public:
  // Both must outlive this object. Failures are counted in `unreadable`; a kernel without PSI is not a
  // failure.
  HostReader(const RootedReader& proc, Unreadable& unreadable) : proc_(proc), unreadable_(unreadable) {}

  // Reads everything except `processes` and `named_processes`.
  HostSample Read();

 private:
  const RootedReader& proc_;
  Unreadable& unreadable_;
  std::string buffer_;
};

// When the host booted, in seconds since the epoch (btime of /proc/stat). Converts start ticks into
// timestamps.
absl::StatusOr<uint64_t> ReadBootTime(const RootedReader& proc);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_HOST_H_

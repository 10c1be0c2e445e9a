// Helpers of both BPF implementations: checks, silencing libbpf, and converting times to procfs units.
// Private to kernel/.
//
// Thread safety: free functions; call QuietLibbpf once per process.

#ifndef AGENT_EXPORTER_KERNEL_BPF_LOADING_H_
#define AGENT_EXPORTER_KERNEL_BPF_LOADING_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// Keeps libbpf from printing to stderr; callers get a Status instead. LastLibbpfMessage returns its last
// warning.
void QuietLibbpf();
std::string_view LastLibbpfMessage();

// The status for a failed libbpf call; `error` is a positive errno.
absl::Status BpfStatus(int error, std::string_view what);

// Splits an exact runtime in the ratio of the two modes' ticks, as the kernel does for /proc/<pid>/stat
// (kernel/sched/cputime.c, cputime_adjust).
CpuTimes SplitRuntime(uint64_t runtime_ns, uint64_t utime_ns, uint64_t stime_ns);

// Converts nanoseconds since boot to clock ticks, the unit of field 22 of /proc/<pid>/stat.
uint64_t StartTicks(uint64_t start_ns, long clk_tck);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_BPF_LOADING_H_

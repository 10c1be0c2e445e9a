// Reads the threads of one process: /proc/<pid>/task/<tid> (proc(5)).
//
// Thread safety: free functions. Errors: as RootedReader; NotFound if the process is gone.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_THREADS_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_THREADS_H_

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "kernel/process.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// The lowest tid among the threads of `pid` with this name, of which the kernel keeps 15 bytes. Empty if
// there is none. Looks at 4096 threads at most.
absl::StatusOr<std::optional<pid_t>> FindThread(const RootedReader& proc, pid_t pid, std::string_view name);

// Threads that have ended are missing from the switches. Costs one read, some 5 us, for each thread.
absl::StatusOr<ThreadFigures> ReadThreadFigures(const RootedReader& proc, pid_t pid);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_THREADS_H_

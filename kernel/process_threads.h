// Finds threads of one process by name: /proc/<pid>/task/<tid>/comm (proc(5)). For the few threads that the
// configuration names.
//
// Thread safety: a free function. Errors: as RootedReader; NotFound when the process went.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_THREADS_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_THREADS_H_

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// The lowest tid among the threads of `pid` with the name `name`, of which the kernel keeps 15 bytes. Empty
// if there is none. Looks at most at 4096 threads.
absl::StatusOr<std::optional<pid_t>> FindThread(const RootedReader& proc, pid_t pid, std::string_view name);

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_THREADS_H_

// The BPF implementations of ProcessSource and ProcessEvents (programs in kernel/bpf/, loaded by libbpf with
// CO-RE).
//
// Both need CAP_BPF and CAP_PERFMON (or root), a kernel >= 5.8 with BTF (before 5.11 also a high
// RLIMIT_MEMLOCK) and the first pid namespace. Error messages are one line: PermissionDenied, Unimplemented
// (no BTF), FailedPrecondition (pid namespace). After an error nothing stays attached, and the caller falls
// back to another implementation.
//
// Ownership: the caller owns the result. Thread safety: see the interfaces.

#ifndef AGENT_EXPORTER_KERNEL_BPF_MAKERS_H_
#define AGENT_EXPORTER_KERNEL_BPF_MAKERS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernel/process_events.h"
#include "kernel/process_source.h"
#include "kernel/procfs_source.h"

namespace agent_exporter::kernel {

// A source that reads all processes in one loop inside the kernel. `procfs` does the rest: it reads single
// processes, and counts descriptor tables that are too large for BPF.
absl::StatusOr<std::unique_ptr<ProcessSource>> MakeBpfSource(std::unique_ptr<ProcfsSource> procfs,
                                                             long clk_tck);

absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeBpfEvents(long clk_tck);

// Ok if this process can use BPF here, otherwise the reason. Loads nothing.
absl::Status CheckBpf();

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_BPF_MAKERS_H_

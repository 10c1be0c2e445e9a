// The BPF makers of ProcessSource and ProcessEvents (programs in kernel/bpf/, loaded by libbpf with CO-RE).
//
// Both need CAP_BPF and CAP_PERFMON (or root), a kernel >= 5.8 with BTF (before 5.11 RLIMIT_MEMLOCK out of
// the way as well) and the first pid namespace. They say why they cannot in one line: PermissionDenied,
// Unimplemented (no BTF, built without BPF), FailedPrecondition (pid namespace). The caller then falls back;
// nothing is left attached.
//
// Ownership: the caller owns the result. Thread safety: as the interfaces say.

#ifndef AGENT_EXPORTER_KERNEL_BPF_MAKERS_H_
#define AGENT_EXPORTER_KERNEL_BPF_MAKERS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernel/process_events.h"
#include "kernel/process_source.h"
#include "kernel/procfs_source.h"

namespace agent_exporter::kernel {

// A source that reads all processes in one loop inside the kernel. `procfs` serves what that loop is no gain
// for: single processes, and descriptor tables too large to count in BPF.
absl::StatusOr<std::unique_ptr<ProcessSource>> MakeBpfSource(std::unique_ptr<ProcfsSource> procfs,
                                                             long clk_tck);

absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeBpfEvents(long clk_tck);

// The reason why BPF cannot be used by this process here, or ok. Loads nothing.
absl::Status CheckBpf();

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_BPF_MAKERS_H_

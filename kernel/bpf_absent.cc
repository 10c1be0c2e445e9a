// Replaces the BPF makers if clang, bpftool or libbpf were missing at build time.

#include "kernel/bpf_makers.h"

namespace agent_exporter::kernel {

absl::Status CheckBpf() { return absl::UnimplementedError("this agent_exporter was built without BPF"); }

absl::StatusOr<std::unique_ptr<ProcessSource>> MakeBpfSource(std::unique_ptr<ProcfsSource>, long) {
  return CheckBpf();
}

absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeBpfEvents(long) { return CheckBpf(); }

}  // namespace agent_exporter::kernel

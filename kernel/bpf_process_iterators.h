// Task iterators over the threads of one process (Linux 6.1, bpf_iter_link_info.task). They read a few
// processes of a large host with nanosecond CPU times, which /proc does not have.
//
// Ownership: keeps one link open per held process until Forget; the caller owns the program. Thread safety:
// none.

#ifndef AGENT_EXPORTER_KERNEL_BPF_PROCESS_ITERATORS_H_
#define AGENT_EXPORTER_KERNEL_BPF_PROCESS_ITERATORS_H_

#include <sys/types.h>

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/descriptor.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

class ProcessIterators {
 public:
  // At most `max_held` links stay open; further processes get a temporary one.
  ProcessIterators(int program_fd, size_t max_held) : program_fd_(program_fd), max_held_(max_held) {}

  // Starts a pass over the threads of the process that has this pid now; the pass is empty if there is none.
  // `hold`: keep the link; the caller calls Forget when the process is gone. Unimplemented, from the first
  // call on, if the kernel has no such iterators or refuses them.
  absl::StatusOr<base::Descriptor> Open(pid_t pid, bool hold);

  void Forget(pid_t pid) { links_.erase(pid); }
  // Forgets all others: nothing reports processes that ended between two samples.
  void KeepOnly(absl::Span<const ProcessKey> keys);

 private:
  absl::StatusOr<base::Descriptor> Link(pid_t pid);

  const int program_fd_;
  const size_t max_held_;
  bool supported_ = true;
  absl::flat_hash_map<pid_t, base::Descriptor> links_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_BPF_PROCESS_ITERATORS_H_

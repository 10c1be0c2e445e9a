// Task iterators that walk the threads of one process only (Linux 6.1, bpf_iter_link_info.task): what a look
// at few processes of a large host reads, with the nanoseconds that /proc does not tell.
//
// Ownership: keeps one link open for each process it was asked to hold, until Forget; the program is the
// caller's. Thread safety: none.

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
  // At most `max_held` links stay open; processes beyond that get one for the moment.
  ProcessIterators(int program_fd, size_t max_held) : program_fd_(program_fd), max_held_(max_held) {}

  // A new pass over the threads of whoever has this pid now; nothing is read from it when nobody has. `hold`:
  // it will be asked for again, and the caller forgets it when it is gone. Unimplemented, from the first call
  // on, where the kernel does not have such iterators or does not let us.
  absl::StatusOr<base::Descriptor> Open(pid_t pid, bool hold);

  void Forget(pid_t pid) { links_.erase(pid); }
  // Forgets all but these: who ended between two looks is asked for no more, and nobody says so.
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

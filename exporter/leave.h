// Ends the process although a read may hang in the kernel (base/bounded_reads.h).
//
// The kernel keeps a process whose thread it cannot stop (a FUSE server took its request and does not answer)
// until that read ends: kill -9 makes a zombie that its parent cannot wait for yet. Such a thread also keeps
// the descriptors open that all threads share. So we close what others wait for: sockets, to free the ports,
// and pipes, to let their readers see the end. Files stay open: closing one on such a file system may hang as
// well.
//
// Thread safety: from any thread.

#ifndef AGENT_EXPORTER_EXPORTER_LEAVE_H_
#define AGENT_EXPORTER_EXPORTER_LEAVE_H_

#include <chrono>

namespace agent_exporter::exporter {

// Exits with status 0 in `delay`, unless the process ends before. Needs no thread: there may be none to be
// had.
void LeaveWithin(std::chrono::milliseconds delay);

// Returns `status`, or exits with it at once when a read hangs.
int Leave(int status);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_LEAVE_H_

// The ProcessEvents implementation without BPF: the kernel's proc connector (drivers/connector/cn_proc.c),
// which reports every fork, exec and exit of the host over netlink.
//
// Needs the first network, user and pid namespaces; before Linux 6.6 also CAP_NET_ADMIN, later no privilege
// (measured on 6.18). Without CAP_NET_ADMIN the receive buffer is limited to net.core.rmem_max, by default
// 200 KiB: a few hundred events between two drains.
//
// With CAP_NET_ADMIN it also listens to taskstats (kernel/taskstats.h). It then reports the peak memory of
// ended processes, and the final CPU of children that no watched parent's cutime will show: orphans (with the
// CPU of their own waited-for children) and children of a parent that ignores SIGCHLD. The latter is read
// from /proc/<pid>/status; SA_NOCLDWAIT is visible nowhere.
//
// Unlike bpf, it does not know start times (start_ticks is 0 in every event), OOM victims, names, or the
// program of an exec. If a parent ends within the same drain, it does not know whether the parent waited, and
// assumes that it did.
//
// Forks and exits of unwatched processes are kept for three seconds, so that Track can also report what a
// process did before it was recognised as an agent. A process that is gone by then is not reported, because
// its program can no longer be found out.
//
// A process has ended when its last thread is gone, as in waitid(2). The connector reports threads, and a
// process lives on when its main thread calls pthread_exit or another thread calls execve. So kExit is sent
// only once the process' pidfd polls readable, which each Drain checks again. The status is the main
// thread's, which is the process' status unless other threads outlived the main thread.

#ifndef AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_
#define AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernel/process_events.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// Receive buffer of each of the two sockets, in bytes. It holds 20,000 events, or the records of 7,000 ended
// threads (measured on 6.18).
inline constexpr int kNetlinkReceiveBuffer = 8 << 20;

// Subscribes. Unimplemented: the kernel has no connector; PermissionDenied: CAP_NET_ADMIN is missing;
// FailedPrecondition: this is not the host's network, user or pid namespace. `proc`, the /proc of these pids,
// must outlive the result. Ownership and thread safety: as ProcessEvents. Destroying it unsubscribes. If the
// process is killed instead, or has dropped CAP_NET_ADMIN on a kernel before 6.6, the kernel keeps preparing
// events without a listener; there is nothing else to clean up.
absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeNetlinkEvents(
    const RootedReader& proc, int receive_buffer_bytes = kNetlinkReceiveBuffer);

// Ok if this process can get the final CPU and peak memory of ended processes here, otherwise the reason
// (errors as of MakeNetlinkEvents).
absl::Status CheckTaskstats();

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_

// The maker of ProcessEvents that needs no BPF: the kernel's proc connector (drivers/connector/cn_proc.c),
// which tells of every fork, exec and exit of the host over netlink.
//
// Needs the first network, user and pid namespaces; CAP_NET_ADMIN before Linux 6.6, no privilege since
// (measured on 6.18). Without CAP_NET_ADMIN the receive buffer is held to net.core.rmem_max, 200 KiB unless
// raised: some hundred events between two drains.
//
// With CAP_NET_ADMIN it listens to taskstats as well (kernel/taskstats.h) and so tells the peak memory of
// what ended, and the last CPU of children that no watched parent's cutime will show: those of a parent that
// ignores SIGCHLD (/proc/<pid>/status says so; SA_NOCLDWAIT shows nowhere) and orphans, with what these had
// waited for.
//
// What it cannot tell, unlike bpf: start times (start_ticks is 0 in every event), OOM victims, names; and
// whether a parent waited that ended within the same look, which counts as yes; and the program of an exec.
//
// Track looks back three seconds: forks and ends of strangers are kept that long, so that what a process did
// before anybody knew that it is an agent is told as well. Of one that is gone by then nothing is told, since
// nobody can tell any more what program it ran.
//
// Ended is a process whose last thread is gone, as waitid(2) sees it: the connector tells of threads, and a
// main thread that calls pthread_exit or whose sibling calls execve leaves a process that lives on. The
// kernel is asked (a pidfd polls readable) before kExit goes out, again in each Drain until it is true. The
// status is the main thread's, which is the process' unless that thread left before the others did.

#ifndef AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_
#define AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernel/process_events.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {

// Bytes asked of the kernel for events between two drains, of each of its two sockets: 20,000 events, 7,000
// ends of threads (measured on 6.18).
inline constexpr int kNetlinkReceiveBuffer = 8 << 20;

// Subscribes. Unimplemented: the kernel has no connector; PermissionDenied: CAP_NET_ADMIN is missing;
// FailedPrecondition: this is not the host's network, user or pid namespace. `proc`, the /proc of these pids,
// must outlive the result. Ownership and thread safety: as ProcessEvents. Destroying it unsubscribes. If the
// process is killed instead, or has dropped CAP_NET_ADMIN on a kernel before 6.6, the kernel goes on
// preparing events that find no listener; there is nothing else to clean up.
absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeNetlinkEvents(
    const RootedReader& proc, int receive_buffer_bytes = kNetlinkReceiveBuffer);

// Why the last CPU and peak memory of what ends cannot be told by this process here, or ok: as
// MakeNetlinkEvents.
absl::Status CheckTaskstats();

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_

// The maker of ProcessEvents that needs no BPF: the kernel's proc connector (drivers/connector/cn_proc.c),
// which tells of every fork, exec and exit of the host over netlink.
//
// Needs the first network, user and pid namespaces; CAP_NET_ADMIN before Linux 6.6, no privilege since
// (measured on 6.18). Without CAP_NET_ADMIN the receive buffer is held to net.core.rmem_max, 200 KiB unless
// raised: some hundred events between two drains.
//
// What it cannot tell, unlike bpf: start times (start_ticks is 0 in every event), peak memory, OOM victims,
// names, and the last CPU of children that nobody waits for. taskstats could send that, but from before the
// exit work, with a runtime that lacks the last tick, for every task of the host: left out.
//
// Track looks back as far as the last drain, so that what a process started between a snapshot and Track is
// told as well.
//
// Ended is a process whose last thread is gone, as waitid(2) sees it: the connector tells of threads, and a
// main thread that calls pthread_exit or whose sibling calls execve leaves a process that lives on. The
// kernel is asked (a pidfd polls readable) before kExit goes out, again in each Drain until it is true. The
// status is the main thread's, which is the process' unless that thread left before the others did.

#ifndef AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_
#define AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernel/process_events.h"

namespace agent_exporter {

// Bytes asked of the kernel for events between two drains: 20,000 of them (measured on 6.18).
inline constexpr int kNetlinkReceiveBuffer = 8 << 20;

// Subscribes. Unimplemented: the kernel has no connector; PermissionDenied: CAP_NET_ADMIN is missing;
// FailedPrecondition: this is not the host's network, user or pid namespace.
// Ownership and thread safety: as ProcessEvents. Destroying it unsubscribes. If the process is killed
// instead, or has dropped CAP_NET_ADMIN on a kernel before 6.6, the kernel goes on preparing events that find
// no listener; there is nothing else to clean up.
absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeNetlinkEvents(
    int receive_buffer_bytes = kNetlinkReceiveBuffer);

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_KERNEL_NETLINK_EVENTS_H_

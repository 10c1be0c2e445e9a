// Drops the privileges that only start-up needs.
//
// We keep CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, because io, fd and exe of other users' processes cannot be
// read without them. They also stay in the bounding set. We drop all others from the effective, permitted,
// inheritable, ambient and bounding sets. That includes CAP_DAC_OVERRIDE: root can then write only where its
// uid may, so the exporter's user must own the ledger, the snapshots and the tmux socket. Programs that the
// exporter starts cannot gain privileges (no_new_privs: a hook cannot sudo).
//
// These keep working without their capability, measured on 6.18 with unprivileged_bpf_disabled=2
// (privileges_test checks it):
//   - Attached BPF programs. Their ring buffer is memory, and reading it needs no system call.
//   - bpf(2) on open descriptors: BPF_ITER_CREATE on a link and updates of a map. So a BPF source and Track
//     work without CAP_BPF and CAP_PERFMON. Before Linux 5.19 unprivileged_bpf_disabled refuses every bpf(2)
//     call without CAP_BPF (kernel/bpf/syscall.c, __sys_bpf), so there we keep it: NeedsBpfCapability.
//   - A proc connector socket receives without CAP_NET_ADMIN. Since 6.6 it can also unsubscribe.
//   - Listening sockets.
//
// Thread safety: capset(2) and no_new_privs apply to the calling thread and to the threads it starts. So call
// DropPrivileges before any thread starts; later it fails. Under ThreadSanitizer, whose runtime has a thread,
// it always fails.

#ifndef AGENT_EXPORTER_EXPORTER_PRIVILEGES_H_
#define AGENT_EXPORTER_EXPORTER_PRIVILEGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::exporter {

// Further capabilities to keep.
struct KeptPrivileges {
  bool bpf = false;             // CAP_BPF
  bool bind_low_ports = false;  // CAP_NET_BIND_SERVICE, to bind a port below 1024 later
};

// FailedPrecondition if other threads are running; nothing changes then. Succeeds without any privilege, and
// when called twice.
absl::Status DropPrivileges(const KeptPrivileges& kept);

// Whether an open BPF source still needs CAP_BPF. Takes the texts of /proc/sys/kernel/osrelease and
// unprivileged_bpf_disabled ("" if that file is missing). A release that is not "major.minor..." counts as
// old.
bool NeedsBpfCapability(std::string_view kernel_release, std::string_view unprivileged_bpf_disabled);

// What a server on this host must keep to listen on these addresses ([host]:port).
KeptPrivileges PrivilegesToKeep(const kernel::RootedReader& proc, const std::vector<std::string>& listen);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_PRIVILEGES_H_

// Giving up what only start-up needed. A process that reads everybody's /proc should hold no more than that
// while it serves.
//
// Stay: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, without which io, fd and exe of other users' processes cannot
// be read. They also stay in the bounding set. All else goes from the effective, permitted, inheritable,
// ambient and bounding sets, CAP_DAC_OVERRIDE too: root then writes only where its uid may, so the ledger,
// the snapshots and tmux' socket must be the exporter's own user's. Programs that the exporter starts gain
// nothing (no_new_privs: a hook cannot sudo).
//
// What goes on without its capability, measured on 6.18 with unprivileged_bpf_disabled=2 (privileges_test
// pins it):
//   - BPF programs that are attached run on; their ring buffer is memory, which reading costs no call.
//   - bpf(2) by descriptor: BPF_ITER_CREATE on a link and updates of a map, so a BPF source and Track keep
//     working without CAP_BPF and CAP_PERFMON. Before Linux 5.19 unprivileged_bpf_disabled refuses every
//     bpf(2) call without CAP_BPF (kernel/bpf/syscall.c, __sys_bpf): there it has to stay, see BpfMustStay.
//   - A proc connector socket goes on receiving without CAP_NET_ADMIN. It unsubscribes without it only since
//     6.6.
//   - Sockets that listen.
//
// Thread safety: capset(2) and no_new_privs are the calling thread's and inherited by the threads it starts.
// So this runs in main before the sampler and the HTTP server start theirs, and refuses to run later (under
// ThreadSanitizer always: its runtime has a thread).

#ifndef AGENT_EXPORTER_EXPORTER_PRIVILEGES_H_
#define AGENT_EXPORTER_EXPORTER_PRIVILEGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::exporter {

// What stays besides.
struct KeptPrivileges {
  bool bpf = false;             // CAP_BPF
  bool bind_low_ports = false;  // CAP_NET_BIND_SERVICE: a port below 1024 is bound after this
};

// FailedPrecondition, with nothing changed: other threads run already. Fine without any privilege, and when
// called twice.
absl::Status DropPrivileges(const KeptPrivileges& kept);

// Whether an open BPF source needs CAP_BPF on: texts of /proc/sys/kernel/osrelease and
// unprivileged_bpf_disabled ("" where that file is missing). A release that cannot be read as
// "major.minor..." counts as old.
bool BpfMustStay(std::string_view kernel_release, std::string_view unprivileged_bpf_disabled);

// What a server that listens at these addresses ([host]:port) has to keep on this host.
KeptPrivileges PrivilegesToKeep(const kernel::RootedReader& proc, const std::vector<std::string>& listen);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_PRIVILEGES_H_

// The facts about this host that `agent_exporter doctor` reads. exporter/doctor_findings.h evaluates them.
//
// Texts are unchanged from the kernel. An empty optional means that the file could not be read. An
// absl::Status is the result of an attempt.
//
// Thread safety: values and a free function.

#ifndef AGENT_EXPORTER_EXPORTER_DOCTOR_FACTS_H_
#define AGENT_EXPORTER_EXPORTER_DOCTOR_FACTS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace agent_exporter::exporter {

// A process of another user, and whether its protected files could be read.
struct ForeignProcess {
  pid_t pid = 0;
  uid_t uid = 0;
  absl::Status io;
  absl::Status exe;
};

struct DoctorFacts {
  std::string procfs;  // the paths that were read
  std::string sysfs;
  absl::Status proc;  // whether `serve` can read procfs

  std::optional<std::string> self_status;  // /proc/self/status
  std::optional<std::string> mountinfo;    // /proc/self/mountinfo
  std::optional<ForeignProcess> foreign;   // empty: all visible processes belong to this user

  std::optional<std::string> kernel_release;
  std::optional<uint64_t> pid_namespace;  // inode of /proc/self/ns/pid
  bool btf = false;
  std::optional<std::string> unprivileged_bpf_disabled;
  std::optional<std::string> lockdown;                             // /sys/kernel/security/lockdown
  std::optional<std::string> ptrace_scope;                         // Yama's
  absl::Status bpf_source, bpf_events, netlink_events, taskstats;  // results of opening them
  std::optional<std::string> rmem_max;                             // /proc/sys/net/core/rmem_max, bytes

  std::optional<std::string> cgroup2_controllers;  // cgroup.controllers of the root group
  bool cgroup1_memory = false;
  bool cgroup1_pids = false;
  absl::Status pressure;  // reading /proc/pressure/memory

  uint64_t open_files_soft = 0;  // RLIMIT_NOFILE; RLIM_INFINITY: no limit
  uint64_t open_files_hard = 0;
};

// Reads files below `procfs` and `sysfs`. If `procfs` is readable, also loads the BPF programs and opens the
// proc connector, then closes both.
DoctorFacts ReadDoctorFacts(const std::string& procfs, const std::string& sysfs);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_DOCTOR_FACTS_H_

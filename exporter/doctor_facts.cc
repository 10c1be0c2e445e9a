#include "exporter/doctor_facts.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/numbers.h"
#include "base/descriptor.h"
#include "kernel/bpf_makers.h"
#include "kernel/directory.h"
#include "kernel/host.h"
#include "kernel/netlink_events.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter::exporter {
namespace {

std::optional<std::string> Text(const kernel::RootedReader& root, const std::string& path) {
  std::string buffer;
  const auto text = root.Read(path, &buffer);
  if (!text.ok()) return std::nullopt;
  return std::string(*text);
}

absl::Status Readable(const kernel::RootedReader& root, const std::string& path) {
  std::string buffer;
  return root.Read(path, &buffer).status();
}

bool Exists(const kernel::RootedReader& root, const std::string& path) {
  return ::faccessat(root.dir_fd(), path.c_str(), F_OK, 0) == 0;
}

std::optional<ForeignProcess> FindForeignProcess(const kernel::RootedReader& proc) {
  const base::Descriptor listing(::openat(proc.dir_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!listing.ok()) return std::nullopt;
  std::optional<ForeignProcess> found;
  std::string buffer(64 << 10, '\0');
  kernel::ForEachEntry(listing.get(), &buffer, [&](const char* name) {
    ForeignProcess process;
    struct stat info{};
    if (found || !absl::SimpleAtoi(name, &process.pid) || process.pid <= 0) return;
    if (::fstatat(proc.dir_fd(), name, &info, 0) != 0 || info.st_uid == geteuid()) return;
    process.uid = info.st_uid;
    process.io = Readable(proc, std::string(name) + "/io");
    process.exe = proc.ReadLink(std::string(name) + "/exe").status();
    // Skip processes that have exited, and kernel threads, which have no exe.
    if (absl::IsNotFound(process.io) || absl::IsNotFound(process.exe)) return;
    found = process;
  });
  return found;
}

void TryKernelInterfaces(const kernel::RootedReader& proc, DoctorFacts* facts) {
  const long ticks = sysconf(_SC_CLK_TCK) > 0 ? sysconf(_SC_CLK_TCK) : 100;
  kernel::Unreadable unreadable;
  facts->bpf_source =
      kernel::MakeBpfSource(std::make_unique<kernel::ProcfsSource>(proc, unreadable, ticks, 0), ticks)
          .status();
  facts->bpf_events = kernel::MakeBpfEvents(ticks).status();
  facts->netlink_events = kernel::MakeNetlinkEvents(proc).status();
  facts->taskstats = kernel::CheckTaskstats();
}

}  // namespace

DoctorFacts ReadDoctorFacts(const std::string& procfs, const std::string& sysfs) {
  DoctorFacts facts;
  facts.procfs = procfs;
  facts.sysfs = sysfs;
  const kernel::RootedReader proc(procfs), sys(sysfs);
  facts.proc = proc.ok() ? kernel::ReadBootTime(proc).status() : proc.status();
  facts.self_status = Text(proc, "self/status");
  facts.mountinfo = Text(proc, "self/mountinfo");
  facts.kernel_release = Text(proc, "sys/kernel/osrelease");
  facts.unprivileged_bpf_disabled = Text(proc, "sys/kernel/unprivileged_bpf_disabled");
  facts.ptrace_scope = Text(proc, "sys/kernel/yama/ptrace_scope");
  facts.rmem_max = Text(proc, "sys/net/core/rmem_max");
  facts.pressure = Readable(proc, "pressure/memory");
  struct stat info{};
  if (::fstatat(proc.dir_fd(), "self/ns/pid", &info, 0) == 0) facts.pid_namespace = info.st_ino;

  facts.btf = Exists(sys, "kernel/btf/vmlinux");
  facts.lockdown = Text(sys, "kernel/security/lockdown");
  // The same paths that CgroupReader reads.
  facts.cgroup2_controllers = Text(sys, "fs/cgroup/cgroup.controllers");
  if (!facts.cgroup2_controllers)
    facts.cgroup2_controllers = Text(sys, "fs/cgroup/unified/cgroup.controllers");
  facts.cgroup1_memory = Exists(sys, "fs/cgroup/memory");
  facts.cgroup1_pids = Exists(sys, "fs/cgroup/pids");

  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.open_files_soft = limit.rlim_cur;
    facts.open_files_hard = limit.rlim_max;
  }
  if (facts.proc.ok()) {
    facts.foreign = FindForeignProcess(proc);
    TryKernelInterfaces(proc, &facts);
  }
  return facts;
}

}  // namespace agent_exporter::exporter

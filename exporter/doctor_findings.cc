#include "exporter/doctor_findings.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kernel/netlink_events.h"

namespace agent_exporter::exporter {
namespace {

using Mark = Finding::Mark;

// Half of them may be held open for watched processes (serve/watch.cc).
constexpr uint64_t kEnoughOpenFiles = 8192;

// The inode of the first pid namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO).
constexpr uint64_t kFirstPidNamespace = 0xEFFFFFFC;

struct Capability {
  int number;
  const char* name;
};
constexpr Capability kReading[] = {{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
                                   {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"}};
constexpr Capability kTracing[] = {{CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}};
constexpr Capability kNetlink[] = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"}};

std::string Trimmed(const std::string& text) { return std::string(absl::StripAsciiWhitespace(text)); }
std::string Why(const absl::Status& status) { return std::string(status.message()); }

// Who this process is, as far as judging needs it.
class Rights {
 public:
  explicit Rights(const DoctorFacts& facts)
      : set_(ParseEffectiveCapabilities(facts.self_status.value_or(""))) {}
  bool known() const { return set_.ok(); }
  // CAP_SYS_ADMIN contains what CAP_BPF and CAP_PERFMON were split from (capabilities(7)).
  bool Has(int capability) const {
    if (!set_.ok()) return false;
    const bool admin = (*set_ >> CAP_SYS_ADMIN & 1) != 0;
    return (*set_ >> capability & 1) != 0 || (admin && (capability == CAP_BPF || capability == CAP_PERFMON));
  }

 private:
  absl::StatusOr<uint64_t> set_;
};

Finding JudgeProc(const DoctorFacts& facts) {
  if (facts.proc.ok()) return {Mark::kOk, "procfs", absl::StrCat(facts.procfs, " is readable"), ""};
  return {Mark::kNo, "procfs", Why(facts.proc), "mount procfs there or set --path.procfs"};
}

Finding JudgeHidepid(const DoctorFacts& facts, const Rights& rights) {
  const auto options = ProcMountOptions(facts.mountinfo.value_or(""), facts.procfs);
  if (!options)
    return {Mark::kPartly, "hidepid", absl::StrCat(facts.procfs, " is no mount point of procfs"), ""};
  std::string hidepid = "0", gid = "0";
  for (absl::string_view option : absl::StrSplit(*options, ',')) {
    if (absl::ConsumePrefix(&option, "hidepid=")) hidepid = std::string(option);
    if (absl::ConsumePrefix(&option, "gid=")) gid = std::string(option);
  }
  if (hidepid == "0" || hidepid == "off") return {Mark::kOk, "hidepid", "off: every process can be seen", ""};
  const std::string finding = absl::StrCat("hidepid=", hidepid, ", gid=", gid);
  if (rights.Has(CAP_SYS_PTRACE))
    return {Mark::kOk, "hidepid", finding + ", which CAP_SYS_PTRACE overrides", ""};
  return {Mark::kPartly, "hidepid", finding + ": other users' processes are hidden",
          hidepid == "4" || hidepid == "ptraceable"
              ? "run with CAP_SYS_PTRACE"
              : absl::StrCat("run with CAP_SYS_PTRACE, or put the exporter's user into a group and mount "
                             "with gid= that group")};
}

Finding JudgeForeign(const DoctorFacts& facts) {
  const std::string subject = "others' figures";
  if (!facts.foreign) return {Mark::kOk, subject, "no process of another user can be seen", ""};
  const ForeignProcess& process = *facts.foreign;
  const std::string who = absl::StrCat("pid ", process.pid, " of uid ", process.uid);
  if (process.io.ok() && process.exe.ok())
    return {Mark::kOk, subject, absl::StrCat("io and exe of ", who, " can be read"), ""};
  const char* const what = process.io.ok() ? "exe" : process.exe.ok() ? "io" : "io and exe";
  return {Mark::kPartly, subject,
          absl::StrCat(what, " of ", who, " cannot be read: agents of other users lack descriptors and I/O"),
          "run with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"};
}

Finding JudgeCapabilities(const Rights& rights) {
  if (!rights.known())
    return {Mark::kPartly, "capabilities", "not known: no CapEff in /proc/self/status", ""};
  std::vector<std::string> there, missing;
  const auto look = [&](const auto& group) {
    for (const Capability& capability : group)
      (rights.Has(capability.number) ? there : missing).emplace_back(capability.name);
  };
  look(kReading);
  look(kTracing);
  const size_t useful_missing = missing.size();
  look(kNetlink);  // BPF does without
  const Mark mark = useful_missing == 0 ? Mark::kOk : there.empty() ? Mark::kNo : Mark::kPartly;
  std::string finding = there.empty() ? "none of use" : absl::StrCat("has ", absl::StrJoin(there, " "));
  if (!missing.empty()) absl::StrAppend(&finding, "; lacks ", absl::StrJoin(missing, " "));
  if (mark == Mark::kOk) return {mark, "capabilities", finding, ""};
  missing.resize(useful_missing);
  return {
      mark, "capabilities", finding,
      absl::StrCat("run as root, or in the systemd unit: AmbientCapabilities=", absl::StrJoin(missing, " "))};
}

Finding JudgePtraceScope(const DoctorFacts& facts) {
  // yama_ptrace_access_check (security/yama/yama_lsm.c) looks at attaching only.
  if (!facts.ptrace_scope) return {Mark::kOk, "ptrace_scope", "no Yama", ""};
  return {Mark::kOk, "ptrace_scope", Trimmed(*facts.ptrace_scope) + ", which forbids attaching, not reading",
          ""};
}

Finding JudgePidNamespace(const DoctorFacts& facts) {
  if (!facts.pid_namespace) return {Mark::kPartly, "pid namespace", "not known: no /proc/self/ns/pid", ""};
  if (*facts.pid_namespace == kFirstPidNamespace) return {Mark::kOk, "pid namespace", "the host's", ""};
  return {Mark::kPartly, "pid namespace", "one of its own: only processes in it can be seen, without BPF",
          "start the container with --pid=host, in Kubernetes with hostPID: true"};
}

Finding JudgeKernel(const DoctorFacts& facts) {
  const std::string release = Trimmed(facts.kernel_release.value_or(""));
  const std::vector<std::string> numbers = absl::StrSplit(release, '.');
  int major = 0, minor = 0;
  if (numbers.size() < 2 || !absl::SimpleAtoi(numbers[0], &major) || !absl::SimpleAtoi(numbers[1], &minor)) {
    return {Mark::kPartly, "kernel", "release not known", ""};
  }
  const std::pair version(major, minor);
  if (version < std::pair(5, 8))
    return {Mark::kPartly, "kernel", release + " is too old for BPF", "BPF needs 5.8, all else works"};
  const bool bpf_works = facts.bpf_source.ok() && facts.bpf_events.ok();
  if (version >= std::pair(5, 11) || bpf_works) return {Mark::kOk, "kernel", release, ""};
  return {Mark::kPartly, "kernel", release + " counts BPF's memory against RLIMIT_MEMLOCK",
          "run as root, or with LimitMEMLOCK=infinity (ulimit -l unlimited)"};
}

Finding JudgeBtf(const DoctorFacts& facts) {
  const std::string file = absl::StrCat(facts.sysfs, "/kernel/btf/vmlinux");
  if (facts.btf) return {Mark::kOk, "BTF", file, ""};
  return {Mark::kNo, "BTF", absl::StrCat("no ", file, ": no BPF"),
          "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (the distributions' are)"};
}

Finding JudgeUnprivilegedBpf(const DoctorFacts& facts, const Rights& rights) {
  const std::string subject = "unprivileged BPF";
  if (!facts.unprivileged_bpf_disabled) return {Mark::kOk, subject, "the kernel has no such switch", ""};
  const std::string value = Trimmed(*facts.unprivileged_bpf_disabled);
  const std::string finding = absl::StrCat("unprivileged_bpf_disabled=", value);
  if (rights.Has(CAP_BPF)) return {Mark::kOk, subject, finding + ", which CAP_BPF overrides", ""};
  // Tracing programs need the capabilities whatever the switch says.
  return {Mark::kPartly, subject, finding, "run with CAP_BPF and CAP_PERFMON"};
}

Finding JudgeLockdown(const DoctorFacts& facts) {
  if (!facts.lockdown)
    return {Mark::kOk, "lockdown", absl::StrCat("off: no ", facts.sysfs, "/kernel/security/lockdown"), ""};
  // The mode in force is in brackets: "none [integrity] confidentiality".
  const bool confidential = facts.lockdown->find("[confidentiality]") != std::string::npos;
  if (!confidential) return {Mark::kOk, "lockdown", Trimmed(*facts.lockdown), ""};
  return {Mark::kNo, "lockdown", "confidentiality: BPF may not read the kernel",
          "boot with lockdown=integrity"};
}

std::string BpfAdvice(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
      return "run as root or with CAP_BPF and CAP_PERFMON";
    case absl::StatusCode::kFailedPrecondition:
      return "run in the host's pid namespace";
    case absl::StatusCode::kUnimplemented:
      return "procfs is used instead; for BPF see BTF and kernel above";
    default:
      return "procfs is used instead; report the message if everything above is ok";
  }
}

Finding JudgeBpf(std::string subject, const absl::Status& status, const char* gain) {
  if (status.ok()) return {Mark::kOk, std::move(subject), gain, ""};
  return {Mark::kNo, std::move(subject), Why(status), BpfAdvice(status)};
}

std::string NetlinkAdvice(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) return "run with CAP_NET_ADMIN, or with CAP_BPF and CAP_PERFMON";
  if (absl::IsFailedPrecondition(status)) return "run in the host's pid, user and network namespaces";
  return "none needed: short-lived children count by their parents' cutime";
}

Finding JudgeNetlink(const DoctorFacts& facts, const Rights& rights) {
  const std::string subject = "proc connector";
  if (!facts.netlink_events.ok()) {
    const std::string why = Why(facts.netlink_events);
    if (facts.bpf_events.ok()) return {Mark::kOk, subject, why + "; not needed, BPF tells", ""};
    return {Mark::kNo, subject, why, NetlinkAdvice(facts.netlink_events)};
  }
  uint64_t room = 0;
  const bool short_of_room = !rights.Has(CAP_NET_ADMIN) &&
                             absl::SimpleAtoi(facts.rmem_max.value_or(""), &room) &&
                             room < kernel::kNetlinkReceiveBuffer;
  if (facts.bpf_events.ok() || !short_of_room)
    return {Mark::kOk, subject, "forks and exits can be had without BPF", ""};
  return {
      Mark::kPartly, subject,
      absl::StrCat("tells of forks and exits, but bursts are lost: room for ", room, " bytes"),
      absl::StrCat("run with CAP_NET_ADMIN, or sysctl net.core.rmem_max=", kernel::kNetlinkReceiveBuffer)};
}

// What the proc connector gains from it, where BPF does not tell more.
Finding JudgeTaskstats(const DoctorFacts& facts) {
  const std::string subject = "taskstats";
  if (facts.taskstats.ok())
    return {Mark::kOk, subject, "with the proc connector: last CPU and peak memory of what ends", ""};
  const std::string why = Why(facts.taskstats);
  if (facts.bpf_events.ok()) return {Mark::kOk, subject, why + "; not needed, BPF tells", ""};
  std::string advice = "none needed: children that nobody waits for count up to the last look";
  if (absl::IsPermissionDenied(facts.taskstats)) advice = "run with CAP_NET_ADMIN";
  if (absl::IsFailedPrecondition(facts.taskstats)) advice = "run in the host's pid and user namespaces";
  return {Mark::kPartly, subject, why, advice};
}

Finding JudgeCgroup(const DoctorFacts& facts) {
  std::vector<std::string> found;
  bool memory = facts.cgroup1_memory, pids = facts.cgroup1_pids;
  if (memory) found.emplace_back("v1 memory");
  if (pids) found.emplace_back("v1 pids");
  if (facts.cgroup2_controllers) {
    const std::vector<std::string> controllers =
        absl::StrSplit(Trimmed(*facts.cgroup2_controllers), ' ', absl::SkipEmpty());
    for (const std::string& controller : controllers) {
      if (controller != "memory" && controller != "pids") continue;
      (controller == "memory" ? memory : pids) = true;
      found.push_back("v2 " + controller);
    }
  }
  if (memory && pids) return {Mark::kOk, "cgroups", absl::StrJoin(found, ", "), ""};
  const std::string root = absl::StrCat(facts.sysfs, "/fs/cgroup");
  if (found.empty()) {
    return {Mark::kPartly, "cgroups",
            absl::StrCat("neither memory nor pids controller below ", root,
                         ": limits are those of rlimits and the host"),
            absl::StrCat("mount cgroup2 at ", root, " or set --path.sysfs")};
  }
  return {Mark::kPartly, "cgroups",
          absl::StrCat(absl::StrJoin(found, ", "), "; no ", memory ? "pids" : "memory", " controller"),
          memory ? "boot a kernel with CONFIG_CGROUP_PIDS=y" : "boot with cgroup_enable=memory"};
}

Finding JudgePressure(const DoctorFacts& facts) {
  if (facts.pressure.ok()) return {Mark::kOk, "pressure (PSI)", absl::StrCat(facts.procfs, "/pressure"), ""};
  return {Mark::kPartly, "pressure (PSI)", Why(facts.pressure), "boot with psi=1"};
}

Finding JudgeOpenFiles(const DoctorFacts& facts) {
  const auto number = [](uint64_t limit) {
    return limit == RLIM_INFINITY ? std::string("unlimited") : absl::StrCat(limit);
  };
  const std::string finding =
      absl::StrCat(number(facts.open_files_soft), ", at most ", number(facts.open_files_hard));
  // The exporter raises its own soft limit.
  if (facts.open_files_hard >= kEnoughOpenFiles) return {Mark::kOk, "open files", finding, ""};
  return {Mark::kPartly, "open files",
          finding + ": files of watched processes are opened anew each time, at twice the cost",
          absl::StrCat("raise RLIMIT_NOFILE to ", kEnoughOpenFiles, " (systemd: LimitNOFILE=)")};
}

}  // namespace

absl::StatusOr<uint64_t> ParseEffectiveCapabilities(std::string_view status) {
  for (absl::string_view line : absl::StrSplit(absl::string_view(status.data(), status.size()), '\n')) {
    if (!absl::ConsumePrefix(&line, "CapEff:\t")) continue;
    uint64_t set = 0;
    if (line.size() != 16 || !absl::SimpleHexAtoi(line, &set)) break;
    return set;
  }
  return absl::InvalidArgumentError("status: no CapEff");
}

std::optional<std::string> ProcMountOptions(std::string_view mountinfo, std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  std::optional<std::string> found;
  for (absl::string_view line : absl::StrSplit(absl::string_view(mountinfo.data(), mountinfo.size()), '\n')) {
    // id parent major:minor root mountpoint options [tags...] - type source super-options
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 3 >= fields.size() || fields[dash + 1] != "proc") continue;
    // A later mount lies on top of an earlier one.
    if (fields[4] == absl::string_view(path.data(), path.size())) found = std::string(fields[dash + 3]);
  }
  return found;
}

std::vector<Finding> Judge(const DoctorFacts& facts) {
  std::vector<Finding> findings = {JudgeProc(facts)};
  if (!facts.proc.ok()) return findings;  // without it nothing else is known
  const Rights rights(facts);
  findings.push_back(JudgeHidepid(facts, rights));
  findings.push_back(JudgeForeign(facts));
  findings.push_back(JudgeCapabilities(rights));
  findings.push_back(JudgePtraceScope(facts));
  findings.push_back(JudgePidNamespace(facts));
  findings.push_back(JudgeKernel(facts));
  findings.push_back(JudgeBtf(facts));
  findings.push_back(JudgeUnprivilegedBpf(facts, rights));
  findings.push_back(JudgeLockdown(facts));
  findings.push_back(
      JudgeBpf("BPF source", facts.bpf_source, "all processes are read in one loop in the kernel"));
  findings.push_back(JudgeBpf("BPF events", facts.bpf_events, "no fork, exec or exit is missed"));
  findings.push_back(JudgeNetlink(facts, rights));
  findings.push_back(JudgeTaskstats(facts));
  findings.push_back(JudgeCgroup(facts));
  findings.push_back(JudgePressure(facts));
  findings.push_back(JudgeOpenFiles(facts));
  return findings;
}

}  // namespace agent_exporter::exporter

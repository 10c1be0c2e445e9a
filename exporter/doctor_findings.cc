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

// The exporter may keep half of them open for watched processes (serve/watch.cc).
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

// The effective capabilities of this process.
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

Finding CheckProc(const DoctorFacts& facts) {
  if (facts.proc.ok()) return {Mark::kOk, "procfs", absl::StrCat(facts.procfs, " is readable"), ""};
  return {Mark::kNo, "procfs", Why(facts.proc), "mount procfs there or set --path.procfs"};
}

Finding CheckHidepid(const DoctorFacts& facts, const Rights& rights) {
  const auto options = ProcMountOptions(facts.mountinfo.value_or(""), facts.procfs);
  if (!options)
    return {Mark::kPartly, "hidepid", absl::StrCat(facts.procfs, " is not a procfs mount point"), ""};
  std::string hidepid = "0", gid = "0";
  for (absl::string_view option : absl::StrSplit(*options, ',')) {
    if (absl::ConsumePrefix(&option, "hidepid=")) hidepid = std::string(option);
    if (absl::ConsumePrefix(&option, "gid=")) gid = std::string(option);
  }
  if (hidepid == "0" || hidepid == "off") return {Mark::kOk, "hidepid", "off: all processes are visible", ""};
  const std::string finding = absl::StrCat("hidepid=", hidepid, ", gid=", gid);
  if (rights.Has(CAP_SYS_PTRACE))
    return {Mark::kOk, "hidepid", finding + ", which CAP_SYS_PTRACE overrides", ""};
  return {Mark::kPartly, "hidepid", finding + ": other users' processes are hidden",
          hidepid == "4" || hidepid == "ptraceable"
              ? "run with CAP_SYS_PTRACE"
              : absl::StrCat("run with CAP_SYS_PTRACE, or add the exporter's user to a group and mount "
                             "procfs with gid= that group")};
}

Finding CheckForeign(const DoctorFacts& facts) {
  const std::string subject = "other users";
  if (!facts.foreign) return {Mark::kOk, subject, "no process of another user is visible", ""};
  const ForeignProcess& process = *facts.foreign;
  const std::string who = absl::StrCat("pid ", process.pid, " of uid ", process.uid);
  if (process.io.ok() && process.exe.ok())
    return {Mark::kOk, subject, absl::StrCat("io and exe of ", who, " can be read"), ""};
  const char* const what = process.io.ok() ? "exe" : process.exe.ok() ? "io" : "io and exe";
  return {Mark::kPartly, subject,
          absl::StrCat(what, " of ", who,
                       " cannot be read: no descriptor and I/O metrics for other users' agents"),
          "run with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"};
}

Finding CheckCapabilities(const Rights& rights) {
  if (!rights.known()) return {Mark::kPartly, "capabilities", "unknown: no CapEff in /proc/self/status", ""};
  std::vector<std::string> present, missing;
  const auto check = [&](const auto& group) {
    for (const Capability& capability : group)
      (rights.Has(capability.number) ? present : missing).emplace_back(capability.name);
  };
  check(kReading);
  check(kTracing);
  const size_t useful_missing = missing.size();
  check(kNetlink);  // not needed with BPF
  const Mark mark = useful_missing == 0 ? Mark::kOk : present.empty() ? Mark::kNo : Mark::kPartly;
  std::string finding = present.empty() ? "has none" : absl::StrCat("has ", absl::StrJoin(present, " "));
  if (!missing.empty()) absl::StrAppend(&finding, "; lacks ", absl::StrJoin(missing, " "));
  if (mark == Mark::kOk) return {mark, "capabilities", finding, ""};
  missing.resize(useful_missing);
  return {mark, "capabilities", finding,
          absl::StrCat("run as root, or set in the systemd unit: AmbientCapabilities=",
                       absl::StrJoin(missing, " "))};
}

Finding CheckPtraceScope(const DoctorFacts& facts) {
  // yama_ptrace_access_check (security/yama/yama_lsm.c) restricts only attaching.
  if (!facts.ptrace_scope) return {Mark::kOk, "ptrace_scope", "no Yama", ""};
  return {Mark::kOk, "ptrace_scope", Trimmed(*facts.ptrace_scope) + ", which forbids attaching, not reading",
          ""};
}

Finding CheckPidNamespace(const DoctorFacts& facts) {
  if (!facts.pid_namespace) return {Mark::kPartly, "pid namespace", "unknown: no /proc/self/ns/pid", ""};
  if (*facts.pid_namespace == kFirstPidNamespace) return {Mark::kOk, "pid namespace", "the host's", ""};
  return {Mark::kPartly, "pid namespace", "not the host's: only its own processes are visible, and no BPF",
          "start the container with --pid=host; in Kubernetes set hostPID: true"};
}

Finding CheckKernel(const DoctorFacts& facts) {
  const std::string release = Trimmed(facts.kernel_release.value_or(""));
  const std::vector<std::string> numbers = absl::StrSplit(release, '.');
  int major = 0, minor = 0;
  if (numbers.size() < 2 || !absl::SimpleAtoi(numbers[0], &major) || !absl::SimpleAtoi(numbers[1], &minor)) {
    return {Mark::kPartly, "kernel", "release unknown", ""};
  }
  const std::pair version(major, minor);
  if (version < std::pair(5, 8))
    return {Mark::kPartly, "kernel", release + " is too old for BPF",
            "use 5.8 or later for BPF; everything else works"};
  const bool bpf_works = facts.bpf_source.ok() && facts.bpf_events.ok();
  if (version >= std::pair(5, 11) || bpf_works) return {Mark::kOk, "kernel", release, ""};
  return {Mark::kPartly, "kernel", release + " counts BPF memory against RLIMIT_MEMLOCK",
          "run as root, or with LimitMEMLOCK=infinity (ulimit -l unlimited)"};
}

Finding CheckBtf(const DoctorFacts& facts) {
  const std::string file = absl::StrCat(facts.sysfs, "/kernel/btf/vmlinux");
  if (facts.btf) return {Mark::kOk, "BTF", file, ""};
  return {Mark::kNo, "BTF", absl::StrCat("no ", file, ": no BPF"),
          "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (distribution kernels are)"};
}

Finding CheckUnprivilegedBpf(const DoctorFacts& facts, const Rights& rights) {
  const std::string subject = "unprivileged BPF";
  if (!facts.unprivileged_bpf_disabled)
    return {Mark::kOk, subject, "the kernel has no unprivileged_bpf_disabled", ""};
  const std::string value = Trimmed(*facts.unprivileged_bpf_disabled);
  const std::string finding = absl::StrCat("unprivileged_bpf_disabled=", value);
  if (rights.Has(CAP_BPF)) return {Mark::kOk, subject, finding + ", which CAP_BPF overrides", ""};
  // Tracing programs always need these capabilities.
  return {Mark::kPartly, subject, finding, "run with CAP_BPF and CAP_PERFMON"};
}

Finding CheckLockdown(const DoctorFacts& facts) {
  if (!facts.lockdown)
    return {Mark::kOk, "lockdown", absl::StrCat("off: no ", facts.sysfs, "/kernel/security/lockdown"), ""};
  // The active mode is in brackets: "none [integrity] confidentiality".
  const bool confidential = facts.lockdown->find("[confidentiality]") != std::string::npos;
  if (!confidential) return {Mark::kOk, "lockdown", Trimmed(*facts.lockdown), ""};
  return {Mark::kNo, "lockdown", "confidentiality: BPF cannot read kernel memory",
          "boot with lockdown=integrity"};
}

std::string BpfAdvice(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
      return "run as root or with CAP_BPF and CAP_PERFMON";
    case absl::StatusCode::kFailedPrecondition:
      return "run in the host's pid namespace";
    case absl::StatusCode::kUnimplemented:
      return "see BTF and kernel above; the exporter uses procfs instead";
    default:
      return "if everything above is ok, report this message; the exporter uses procfs instead";
  }
}

Finding CheckBpf(std::string subject, const absl::Status& status, const char* gain) {
  if (status.ok()) return {Mark::kOk, std::move(subject), gain, ""};
  return {Mark::kNo, std::move(subject), Why(status), BpfAdvice(status)};
}

std::string NetlinkAdvice(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) return "run with CAP_NET_ADMIN, or with CAP_BPF and CAP_PERFMON";
  if (absl::IsFailedPrecondition(status)) return "run in the host's pid, user and network namespaces";
  return "nothing to do: the CPU of short-lived children comes from their parents' cutime";
}

Finding CheckNetlink(const DoctorFacts& facts, const Rights& rights) {
  const std::string subject = "proc connector";
  if (!facts.netlink_events.ok()) {
    const std::string why = Why(facts.netlink_events);
    if (facts.bpf_events.ok())
      return {Mark::kOk, subject, why + "; not needed, BPF reports forks and exits", ""};
    return {Mark::kNo, subject, why, NetlinkAdvice(facts.netlink_events)};
  }
  uint64_t buffer = 0;
  const bool small_buffer = !rights.Has(CAP_NET_ADMIN) &&
                            absl::SimpleAtoi(facts.rmem_max.value_or(""), &buffer) &&
                            buffer < kernel::kNetlinkReceiveBuffer;
  if (facts.bpf_events.ok() || !small_buffer)
    return {Mark::kOk, subject, "reports forks and exits without BPF", ""};
  return {Mark::kPartly, subject,
          absl::StrCat("reports forks and exits, but loses bursts: the buffer has only ", buffer, " bytes"),
          absl::StrCat("run with CAP_NET_ADMIN, or set sysctl net.core.rmem_max=",
                       kernel::kNetlinkReceiveBuffer)};
}

// taskstats adds to the proc connector. With BPF events it is not needed.
Finding CheckTaskstats(const DoctorFacts& facts) {
  const std::string subject = "taskstats";
  if (facts.taskstats.ok())
    return {Mark::kOk, subject, "final CPU and peak memory at exit, with the proc connector", ""};
  const std::string why = Why(facts.taskstats);
  if (facts.bpf_events.ok()) return {Mark::kOk, subject, why + "; not needed, BPF reports exits", ""};
  std::string advice =
      "nothing to do: for children that nobody waits for, the CPU since the last sample is lost";
  if (absl::IsPermissionDenied(facts.taskstats)) advice = "run with CAP_NET_ADMIN";
  if (absl::IsFailedPrecondition(facts.taskstats)) advice = "run in the host's pid and user namespaces";
  return {Mark::kPartly, subject, why, advice};
}

Finding CheckCgroup(const DoctorFacts& facts) {
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
    return {
        Mark::kPartly, "cgroups",
        absl::StrCat("no memory or pids controller below ", root, ": only rlimits and host limits are known"),
        absl::StrCat("mount cgroup2 at ", root, " or set --path.sysfs")};
  }
  return {Mark::kPartly, "cgroups",
          absl::StrCat(absl::StrJoin(found, ", "), "; no ", memory ? "pids" : "memory", " controller"),
          memory ? "boot a kernel with CONFIG_CGROUP_PIDS=y" : "boot with cgroup_enable=memory"};
}

Finding CheckPressure(const DoctorFacts& facts) {
  if (facts.pressure.ok()) return {Mark::kOk, "pressure (PSI)", absl::StrCat(facts.procfs, "/pressure"), ""};
  return {Mark::kPartly, "pressure (PSI)", Why(facts.pressure), "boot with psi=1"};
}

Finding CheckOpenFiles(const DoctorFacts& facts) {
  const auto number = [](uint64_t limit) {
    return limit == RLIM_INFINITY ? std::string("unlimited") : absl::StrCat(limit);
  };
  const std::string finding =
      absl::StrCat(number(facts.open_files_soft), ", at most ", number(facts.open_files_hard));
  // The exporter raises its own soft limit.
  if (facts.open_files_hard >= kEnoughOpenFiles) return {Mark::kOk, "open files", finding, ""};
  return {Mark::kPartly, "open files",
          finding + ": the exporter reopens files of watched processes for each sample, at twice the cost",
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
    // A later mount hides an earlier one.
    if (fields[4] == absl::string_view(path.data(), path.size())) found = std::string(fields[dash + 3]);
  }
  return found;
}

std::vector<Finding> MakeFindings(const DoctorFacts& facts) {
  std::vector<Finding> findings = {CheckProc(facts)};
  if (!facts.proc.ok()) return findings;  // the other facts need procfs
  const Rights rights(facts);
  findings.push_back(CheckHidepid(facts, rights));
  findings.push_back(CheckForeign(facts));
  findings.push_back(CheckCapabilities(rights));
  findings.push_back(CheckPtraceScope(facts));
  findings.push_back(CheckPidNamespace(facts));
  findings.push_back(CheckKernel(facts));
  findings.push_back(CheckBtf(facts));
  findings.push_back(CheckUnprivilegedBpf(facts, rights));
  findings.push_back(CheckLockdown(facts));
  findings.push_back(
      CheckBpf("BPF source", facts.bpf_source, "reads all processes in one loop in the kernel"));
  findings.push_back(CheckBpf("BPF events", facts.bpf_events, "reports every fork, exec and exit"));
  findings.push_back(CheckNetlink(facts, rights));
  findings.push_back(CheckTaskstats(facts));
  findings.push_back(CheckCgroup(facts));
  findings.push_back(CheckPressure(facts));
  findings.push_back(CheckOpenFiles(facts));
  return findings;
}

}  // namespace agent_exporter::exporter

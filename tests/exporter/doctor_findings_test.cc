#include "exporter/doctor_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Mark = Finding::Mark;

constexpr char kAllCapabilities[] = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n";
constexpr char kNoCapabilities[] = "Name:\tx\nCapEff:\t0000000000000000\n";

// A host on which everything works, for root.
DoctorFacts GoodHost() {
  DoctorFacts facts;
  facts.procfs = "/proc";
  facts.sysfs = "/sys";
  facts.self_status = kAllCapabilities;
  facts.mountinfo = "22 27 0:21 / /proc rw,relatime - proc proc rw\n";
  facts.foreign = ForeignProcess{.pid = 7, .uid = 1000};
  facts.kernel_release = "6.1.0-28-amd64\n";
  facts.pid_namespace = 0xEFFFFFFC;
  facts.btf = true;
  facts.unprivileged_bpf_disabled = "2\n";
  facts.lockdown = "none [integrity] confidentiality\n";
  facts.ptrace_scope = "1\n";
  facts.rmem_max = "212992\n";
  facts.cgroup2_controllers = "cpuset cpu io memory pids\n";
  facts.open_files_soft = 1024;
  facts.open_files_hard = 524288;
  return facts;
}

Finding About(const DoctorFacts& facts, const std::string& subject) {
  for (Finding& finding : MakeFindings(facts)) {
    if (finding.subject == subject) return std::move(finding);
  }
  ADD_FAILURE() << "nothing about " << subject;
  return {};
}

TEST(Judge, AGoodHostNeedsNothing) {
  const std::vector<Finding> findings = MakeFindings(GoodHost());
  EXPECT_GE(findings.size(), 16u);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.mark, Mark::kOk) << finding.subject << ": " << finding.finding;
    EXPECT_THAT(finding.advice, IsEmpty()) << finding.subject;
    EXPECT_THAT(finding.finding, Not(IsEmpty())) << finding.subject;
  }
}

TEST(Judge, WithoutProcfsThatIsAllThereIsToSay) {
  DoctorFacts facts = GoodHost();
  facts.proc = absl::NotFoundError("/nowhere: No such file or directory");
  const std::vector<Finding> findings = MakeFindings(facts);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].mark, Mark::kNo);
  EXPECT_THAT(findings[0].finding, HasSubstr("/nowhere"));
  EXPECT_THAT(findings[0].advice, HasSubstr("--path.procfs"));
}

TEST(Judge, HidepidMattersWithoutPtrace) {
  DoctorFacts facts = GoodHost();
  facts.mountinfo = "22 27 0:21 / /proc rw,relatime - proc proc rw,gid=105,hidepid=invisible\n";
  EXPECT_EQ(About(facts, "hidepid").mark, Mark::kOk);
  facts.self_status = kNoCapabilities;
  const Finding hidden = About(facts, "hidepid");
  EXPECT_EQ(hidden.mark, Mark::kPartly);
  EXPECT_THAT(hidden.finding, AllOf(HasSubstr("hidepid=invisible"), HasSubstr("gid=105")));
  EXPECT_THAT(hidden.advice, HasSubstr("CAP_SYS_PTRACE"));
}

TEST(Judge, OthersFiguresThatCannotBeRead) {
  DoctorFacts facts = GoodHost();
  facts.foreign =
      ForeignProcess{.pid = 1, .uid = 0, .io = absl::PermissionDeniedError("no"), .exe = absl::OkStatus()};
  const Finding finding = About(facts, "other users");
  EXPECT_EQ(finding.mark, Mark::kPartly);
  EXPECT_THAT(finding.finding, HasSubstr("io of pid 1 of uid 0"));
  EXPECT_THAT(finding.advice, HasSubstr("CAP_SYS_PTRACE"));
}

TEST(Judge, MissingCapabilitiesAreNamedAndAskedFor) {
  DoctorFacts facts = GoodHost();
  facts.self_status = kNoCapabilities;
  EXPECT_EQ(About(facts, "capabilities").mark, Mark::kNo);
  facts.self_status = "CapEff:\t0000000000080000\n";  // CAP_SYS_PTRACE
  const Finding some = About(facts, "capabilities");
  EXPECT_EQ(some.mark, Mark::kPartly);
  EXPECT_THAT(some.finding, HasSubstr("has CAP_SYS_PTRACE; lacks CAP_DAC_READ_SEARCH"));
  EXPECT_THAT(some.advice, AllOf(HasSubstr("AmbientCapabilities=CAP_DAC_READ_SEARCH CAP_BPF CAP_PERFMON"),
                                 Not(HasSubstr("NET_ADMIN"))));
  facts.self_status = "CapEff:\t0000000000280004\n";  // CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON
  EXPECT_EQ(About(facts, "capabilities").mark, Mark::kOk);
  facts.self_status = "CapEff:\tnonsense\n";
  EXPECT_THAT(About(facts, "capabilities").finding, HasSubstr("unknown"));
}

TEST(Judge, APidNamespaceOfItsOwn) {
  DoctorFacts facts = GoodHost();
  facts.pid_namespace = 4026532201;
  EXPECT_EQ(About(facts, "pid namespace").mark, Mark::kPartly);
  EXPECT_THAT(About(facts, "pid namespace").advice, HasSubstr("--pid=host"));
}

TEST(Judge, OldKernels) {
  DoctorFacts facts = GoodHost();
  for (const char* old : {"4.19.0-27-amd64\n", "5.7.19\n"}) {
    facts.kernel_release = old;
    EXPECT_EQ(About(facts, "kernel").mark, Mark::kPartly) << old;
    EXPECT_THAT(About(facts, "kernel").advice, HasSubstr("5.8"));
  }
  facts.kernel_release = "5.10.0-28-amd64\n";
  EXPECT_EQ(About(facts, "kernel").mark, Mark::kOk);
  facts.bpf_events = absl::PermissionDeniedError("no");
  EXPECT_EQ(About(facts, "kernel").mark, Mark::kPartly);
  EXPECT_THAT(About(facts, "kernel").advice, HasSubstr("LimitMEMLOCK"));
  facts.kernel_release = "5.11.0\n";
  EXPECT_EQ(About(facts, "kernel").mark, Mark::kOk);
  facts.kernel_release = "what\n";
  EXPECT_THAT(About(facts, "kernel").finding, HasSubstr("unknown"));
}

TEST(Judge, WhatStandsInTheWayOfBpf) {
  DoctorFacts facts = GoodHost();
  facts.btf = false;
  facts.lockdown = "none integrity [confidentiality]\n";
  facts.self_status = kNoCapabilities;
  facts.bpf_source = absl::PermissionDeniedError("loading: Operation not permitted");
  facts.bpf_events = absl::FailedPreconditionError("a pid namespace of its own");
  EXPECT_EQ(About(facts, "BTF").mark, Mark::kNo);
  EXPECT_EQ(About(facts, "lockdown").mark, Mark::kNo);
  EXPECT_EQ(About(facts, "unprivileged BPF").mark, Mark::kPartly);
  EXPECT_THAT(About(facts, "BPF source").finding, HasSubstr("Operation not permitted"));
  EXPECT_THAT(About(facts, "BPF source").advice, HasSubstr("CAP_BPF and CAP_PERFMON"));
  EXPECT_THAT(About(facts, "BPF events").advice, HasSubstr("pid namespace"));
}

TEST(Judge, TheProcConnectorMattersOnlyWithoutBpf) {
  DoctorFacts facts = GoodHost();
  facts.netlink_events = absl::PermissionDeniedError("binding: Operation not permitted");
  EXPECT_EQ(About(facts, "proc connector").mark, Mark::kOk);
  facts.bpf_events = absl::PermissionDeniedError("no");
  EXPECT_EQ(About(facts, "proc connector").mark, Mark::kNo);
  EXPECT_THAT(About(facts, "proc connector").advice, HasSubstr("CAP_NET_ADMIN"));
  // There, but with a small buffer.
  facts.netlink_events = absl::OkStatus();
  EXPECT_EQ(About(facts, "proc connector").mark, Mark::kOk);
  facts.self_status = kNoCapabilities;
  EXPECT_EQ(About(facts, "proc connector").mark, Mark::kPartly);
  EXPECT_THAT(About(facts, "proc connector").finding, HasSubstr("212992"));
  EXPECT_THAT(About(facts, "proc connector").advice, HasSubstr("net.core.rmem_max=8388608"));
}

TEST(Judge, TaskstatsMatterOnlyWithoutBpf) {
  DoctorFacts facts = GoodHost();
  facts.taskstats = absl::UnimplementedError("this kernel has no taskstats");
  EXPECT_EQ(About(facts, "taskstats").mark, Mark::kOk);
  facts.bpf_events = absl::PermissionDeniedError("no");
  EXPECT_EQ(About(facts, "taskstats").mark, Mark::kPartly);
  EXPECT_THAT(About(facts, "taskstats").finding, HasSubstr("this kernel has no taskstats"));
  EXPECT_THAT(About(facts, "taskstats").advice, HasSubstr("since the last sample"));
  facts.taskstats = absl::PermissionDeniedError("listening to taskstats: Operation not permitted");
  EXPECT_THAT(About(facts, "taskstats").advice, HasSubstr("CAP_NET_ADMIN"));
  facts.taskstats = absl::FailedPreconditionError("elsewhere");
  EXPECT_THAT(About(facts, "taskstats").advice, HasSubstr("namespaces"));
}

TEST(Judge, CgroupsOfEveryLayout) {
  DoctorFacts facts = GoodHost();
  EXPECT_EQ(About(facts, "cgroups").finding, "v2 memory, v2 pids");
  facts.cgroup2_controllers = "";
  facts.cgroup1_memory = facts.cgroup1_pids = true;
  EXPECT_EQ(About(facts, "cgroups").finding, "v1 memory, v1 pids");
  facts.cgroup1_memory = false;
  EXPECT_EQ(About(facts, "cgroups").mark, Mark::kPartly);
  EXPECT_THAT(About(facts, "cgroups").advice, HasSubstr("cgroup_enable=memory"));
  facts.cgroup1_pids = false;
  facts.cgroup2_controllers = std::nullopt;
  EXPECT_THAT(About(facts, "cgroups").advice, HasSubstr("/sys/fs/cgroup"));
}

TEST(Judge, PressureAndOpenFiles) {
  DoctorFacts facts = GoodHost();
  facts.pressure = absl::UnimplementedError("/proc/pressure/memory: Operation not supported");
  EXPECT_THAT(About(facts, "pressure (PSI)").advice, HasSubstr("psi=1"));
  facts.open_files_hard = 4096;
  EXPECT_EQ(About(facts, "open files").mark, Mark::kPartly);
  facts.open_files_hard = RLIM_INFINITY;
  EXPECT_EQ(About(facts, "open files").finding, "1024, at most unlimited");
}

TEST(ParseEffectiveCapabilities, TakesTheKernelsFormOnly) {
  EXPECT_EQ(ParseEffectiveCapabilities("CapPrm:\tffffffffffffffff\nCapEff:\t00000000000000a5\n").value(),
            0xa5u);
  for (const char* bad : {"", "CapPrm:\t0000000000000001\n", "CapEff:\t12\n", "CapEff:\t000000000000000g\n",
                          "CapEff: 0000000000000001\n"}) {
    EXPECT_FALSE(ParseEffectiveCapabilities(bad).ok()) << bad;
  }
}

TEST(ProcMountOptions, OfTheTopmostMountThere) {
  constexpr char kText[] =
      "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
      "23 27 0:22 / /sys rw shared:7 master:1 - sysfs sysfs rw\n"
      "90 27 0:50 / /host/proc ro shared:9 - proc proc rw,hidepid=2\n"
      "91 27 0:51 / /proc rw - tmpfs tmpfs rw\n"
      "92 27 0:52 / /proc rw master:3 propagate_from:2 - proc none rw,gid=4,hidepid=1\n"
      "torn line\n";
  EXPECT_EQ(ProcMountOptions(kText, "/proc"), "rw,gid=4,hidepid=1");
  EXPECT_EQ(ProcMountOptions(kText, "/host/proc/"), "rw,hidepid=2");
  EXPECT_EQ(ProcMountOptions(kText, "/sys"), std::nullopt);
  EXPECT_EQ(ProcMountOptions("", "/proc"), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::exporter

#include "exporter/doctor.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "exporter/commands.h"
#include "tests/serve/fake_procfs.h"

namespace agent_exporter::exporter {
namespace {

using testing::HasSubstr;

TEST(DoctorTable, PutsWhatToDoBelowWhatWasFound) {
  EXPECT_EQ(DoctorTable({{Finding::Mark::kOk, "BTF", "there", ""},
                         {Finding::Mark::kPartly, "open files", "few", "raise it"},
                         {Finding::Mark::kNo, "BPF", "a\nloader's\tline", ""}}),
            "ok      BTF         there\n"
            "partly  open files  few\n"
            "                    -> raise it\n"
            "no      BPF         a loader's line\n");
}

TEST(DoctorJson, HasAdviceOnlyWhereThereIsOne) {
  const auto json = nlohmann::json::parse(DoctorJson(
      {{Finding::Mark::kOk, "BTF", "there", ""}, {Finding::Mark::kNo, "BPF", "\xff", "run as root"}}));
  ASSERT_EQ(json["findings"].size(), 2u);
  EXPECT_EQ(json["findings"][0]["mark"], "ok");
  EXPECT_FALSE(json["findings"][0].contains("advice"));
  EXPECT_EQ(json["findings"][1]["advice"], "run as root");
}

TEST(RunDoctor, OnThisHost) {
  std::ostringstream out, err;
  EXPECT_EQ(RunDoctor(Options{}, out, err), 0);
  EXPECT_THAT(out.str(), testing::StartsWith("ok      procfs"));
  for (const char* subject :
       {"hidepid", "other users", "capabilities", "pid namespace", "kernel", "BTF", "lockdown", "BPF source",
        "BPF events", "proc connector", "cgroups", "pressure (PSI)", "open files"}) {
    EXPECT_THAT(out.str(), HasSubstr(subject));
  }
  EXPECT_EQ(err.str(), "");
}

TEST(RunDoctor, AsJson) {
  Options options;
  options.json = true;
  std::ostringstream out, err;
  EXPECT_EQ(RunDoctor(options, out, err), 0);
  EXPECT_EQ(nlohmann::json::parse(out.str())["findings"][0]["subject"], "procfs");
}

TEST(RunDoctor, WithoutProcfsIsExitCodeOne) {
  Options options;
  options.procfs = "/does/not/exist";
  std::ostringstream out, err;
  EXPECT_EQ(RunDoctor(options, out, err), 1);
  EXPECT_THAT(out.str(), testing::StartsWith("no      procfs"));
}

TEST(RunDoctor, WithoutRightsSaysWhatToAskForAndCanServe) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give it up";
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    close(told[0]);
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(9);
    std::ostringstream out, err;
    const int code = RunDoctor(Options{}, out, err);
    if (write(told[1], out.str().data(), out.str().size()) < 0) _exit(9);
    _exit(code);
  }
  close(told[1]);
  std::string text;
  char byte = 0;
  while (read(told[0], &byte, 1) == 1) text += byte;
  close(told[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(text, testing::ContainsRegex("no +capabilities"));
  EXPECT_THAT(text,
              HasSubstr("AmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_BPF CAP_PERFMON\n"));
  // pid 1, if no other, is root's.
  EXPECT_THAT(text, testing::ContainsRegex("partly +other users +io and exe of pid"));
}

TEST(ReadDoctorFacts, LooksBelowTheGivenRootsOnly) {
  const serve::FakeProcfs proc;
  const kernel::FakeTree sys;
  sys.Write("fs/cgroup/unified/cgroup.controllers", "pids\n");
  sys.MakeDirectory("fs/cgroup/memory");
  sys.Write("kernel/btf/vmlinux", "");
  sys.Write("kernel/security/lockdown", "[none] integrity confidentiality\n");
  const DoctorFacts facts = ReadDoctorFacts(proc.root(), sys.root());
  EXPECT_TRUE(facts.proc.ok()) << facts.proc;
  EXPECT_EQ(facts.self_status, std::nullopt);
  EXPECT_EQ(facts.pid_namespace, std::nullopt);
  EXPECT_FALSE(facts.foreign.has_value());
  EXPECT_EQ(facts.cgroup2_controllers, "pids\n");
  EXPECT_TRUE(facts.cgroup1_memory);
  EXPECT_FALSE(facts.cgroup1_pids);
  EXPECT_TRUE(facts.btf);
  EXPECT_EQ(facts.lockdown, "[none] integrity confidentiality\n");
  EXPECT_FALSE(facts.pressure.ok());
  EXPECT_GT(facts.open_files_hard, 0u);
}

}  // namespace
}  // namespace agent_exporter::exporter

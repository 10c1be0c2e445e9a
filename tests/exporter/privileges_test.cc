// Privileges are dropped in forked children only: it cannot be undone.

#include "exporter/privileges.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "kernel/bpf_makers.h"
#include "kernel/netlink_events.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::exporter {
namespace {

constexpr uint64_t kReading = uint64_t{1} << CAP_SYS_PTRACE | uint64_t{1} << CAP_DAC_READ_SEARCH;
constexpr int kNotPermitted = 77;
const long kTicks = sysconf(_SC_CLK_TCK);

// Runs `body` in a child of one thread; what it returns is "" or what went wrong.
std::string InChild(const std::function<std::string()>& body, int* exit_code = nullptr) {
  int told[2];
  if (pipe(told) != 0) return "pipe";
  const pid_t pid = fork();
  if (pid == 0) {
    close(told[0]);
    const std::string wrong = body();
    if (write(told[1], wrong.data(), wrong.size()) < 0) _exit(1);
    _exit(wrong == "skip" ? kNotPermitted : 0);
  }
  close(told[1]);
  std::string text;
  char byte = 0;
  while (read(told[0], &byte, 1) == 1) text += byte;
  close(told[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (exit_code != nullptr) *exit_code = WEXITSTATUS(status);
  return WIFEXITED(status) ? text : "ended by a signal";
}

// A line of a status file: the hexadecimal number after "CapEff:" and the like.
uint64_t StatusSet(const std::string& status, const std::string& key) {
  const size_t at = status.find("\n" + key + ":\t");
  return at == std::string::npos ? ~uint64_t{0}
                                 : std::stoull(status.substr(at + key.size() + 3), nullptr, 16);
}
std::string OwnStatus() {
  std::ostringstream text;
  text << std::ifstream("/proc/self/status").rdbuf();
  return text.str();
}

TEST(DropPrivileges, OnlyWhatReadingNeedsStays) {
  EXPECT_EQ(InChild([]() -> std::string {
              const uint64_t before = StatusSet(OwnStatus(), "CapPrm");
              const uint64_t bounding = StatusSet(OwnStatus(), "CapBnd");
              const bool may_bound = (before >> CAP_SETPCAP & 1) != 0;
              if (const absl::Status status = DropPrivileges({}); !status.ok())
                return std::string(status.message());
              const std::string after = OwnStatus();
              if (StatusSet(after, "CapPrm") != (before & kReading)) return "permitted\n" + after;
              if (StatusSet(after, "CapEff") != (before & kReading)) return "effective\n" + after;
              if (StatusSet(after, "CapBnd") != (may_bound ? bounding & kReading : bounding))
                return "bounding\n" + after;
              if (StatusSet(after, "CapInh") != 0 || StatusSet(after, "CapAmb") != 0)
                return "inherited\n" + after;
              if (StatusSet(after, "NoNewPrivs") != 1) return "no_new_privs\n" + after;
              return "";
            }),
            "");
}

TEST(DropPrivileges, WhatTheCallerNeedsStaysToo) {
  EXPECT_EQ(InChild([]() -> std::string {
              const uint64_t before = StatusSet(OwnStatus(), "CapPrm");
              const uint64_t kept = kReading | uint64_t{1} << CAP_BPF | uint64_t{1} << CAP_NET_BIND_SERVICE;
              if (!DropPrivileges({.bpf = true, .bind_low_ports = true}).ok()) return "status";
              return StatusSet(OwnStatus(), "CapEff") == (before & kept) ? "" : OwnStatus();
            }),
            "");
}

TEST(DropPrivileges, ProgramsStartedLaterGainNothing) {
  EXPECT_EQ(InChild([]() -> std::string {
              const uint64_t before = StatusSet(OwnStatus(), "CapPrm");
              if (!DropPrivileges({}).ok() || !DropPrivileges({}).ok()) return "status";
              FILE* program = popen("cat /proc/self/status", "r");
              std::string text;
              for (int c = 0; (c = fgetc(program)) != EOF;) text += static_cast<char>(c);
              pclose(program);
              const uint64_t gained = StatusSet(text, "CapPrm") & ~(before & kReading);
              return text.empty() || gained != 0 ? "gained\n" + text : "";
            }),
            "");
}

TEST(DropPrivileges, IsRefusedOnceThreadsRun) {
  EXPECT_EQ(InChild([]() -> std::string {
              const uint64_t before = StatusSet(OwnStatus(), "CapEff");
              std::thread other([] { pause(); });
              const absl::Status status = DropPrivileges({});
              other.detach();
              if (!absl::IsFailedPrecondition(status)) return "was taken: " + status.ToString();
              return StatusSet(OwnStatus(), "CapEff") == before ? "" : "changed all the same";
            }),
            "");
}

TEST(DropPrivileges, FiguresOfOtherUsersCanStillBeRead) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to start a process of another user";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t other = fork();
  if (other == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0 || write(ready[1], "x", 1) != 1) _exit(1);
    alarm(60);  // should the test fail first
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(InChild([other]() -> std::string {
              if (!DropPrivileges({}).ok()) return "status";
              const kernel::RootedReader proc("/proc");
              kernel::Unreadable unreadable;
              kernel::ProcfsSource source(proc, unreadable, kTicks, 0);
              const std::string dir = std::to_string(other);
              if (!proc.ReadLink(dir + "/exe").ok()) return "exe";
              std::vector<kernel::ProcessStat> rows;
              if (!source.ReadAll(&rows).ok()) return "all";
              for (const kernel::ProcessStat& one : rows) {
                if (one.key.pid != other) continue;
                const auto usage = source.ReadUsage(one.key, {.io = true});
                if (!usage.ok()) return std::string(usage.status().message());
                return usage->io_read_bytes && usage->open_fds && usage->resident_bytes
                           ? ""
                           : "a figure is missing";
              }
              return "not listed";
            }),
            "");
  kill(other, SIGKILL);
  waitpid(other, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(DropPrivileges, BpfGoesOn) {
  int code = 0;
  const std::string wrong = InChild(
      []() -> std::string {
        const kernel::RootedReader proc("/proc");
        kernel::Unreadable unreadable;
        auto source = kernel::MakeBpfSource(
            std::make_unique<kernel::ProcfsSource>(proc, unreadable, kTicks, 0), kTicks);
        auto events = kernel::MakeBpfEvents(kTicks);
        if (!source.ok() || !events.ok()) return "skip";
        if (!DropPrivileges({}).ok()) return "status";
        std::vector<kernel::ProcessStat> rows;
        if (const absl::Status status = (*source)->ReadAll(&rows); !status.ok()) return status.ToString();
        for (const kernel::ProcessStat& row : rows) {
          if (row.key.pid != getpid()) continue;
          if (const absl::Status status = (*events)->Track({{row.key}}); !status.ok())
            return status.ToString();
        }
        const pid_t pid = fork();
        if (pid == 0) _exit(0);
        waitpid(pid, nullptr, 0);
        std::vector<kernel::ProcessEvent> seen;
        if (const absl::Status status = (*events)->Drain(&seen); !status.ok()) return status.ToString();
        for (const kernel::ProcessEvent& event : seen) {
          if (event.kind == kernel::ProcessEvent::Kind::kFork && event.key.pid == pid) return "";
        }
        return "the fork was not told";
      },
      &code);
  if (code == kNotPermitted) GTEST_SKIP() << "BPF cannot be used here";
  EXPECT_EQ(wrong, "");
}

TEST(DropPrivileges, TheProcConnectorGoesOn) {
  int code = 0;
  const std::string wrong = InChild(
      []() -> std::string {
        const kernel::RootedReader proc("/proc");
        auto events = kernel::MakeNetlinkEvents(proc);
        if (!events.ok()) return "skip";
        if (!DropPrivileges({}).ok()) return "status";
        if (!(*events)->Track({{kernel::ProcessKey{getpid(), 0}}}).ok()) return "track";
        const pid_t pid = fork();
        if (pid == 0) _exit(0);
        waitpid(pid, nullptr, 0);
        std::vector<kernel::ProcessEvent> seen;
        if (!(*events)->Drain(&seen).ok()) return "drain";
        for (const kernel::ProcessEvent& event : seen) {
          if (event.kind == kernel::ProcessEvent::Kind::kFork && event.key.pid == pid) return "";
        }
        return "the fork was not told";
      },
      &code);
  if (code == kNotPermitted) GTEST_SKIP() << "the proc connector cannot be used here";
  EXPECT_EQ(wrong, "");
}

TEST(NeedsBpfCapability, OnlyOnKernelsThatRefuseEveryCall) {
  EXPECT_TRUE(NeedsBpfCapability("5.18.9-1-amd64\n", "2\n"));
  EXPECT_TRUE(NeedsBpfCapability("4.19.0\n", "1\n"));
  EXPECT_FALSE(NeedsBpfCapability("5.19.0\n", "2\n"));
  EXPECT_FALSE(NeedsBpfCapability("6.1.0-28-amd64\n", "2\n"));
  EXPECT_FALSE(NeedsBpfCapability("5.10.0-28-amd64\n", "0\n"));
  EXPECT_FALSE(NeedsBpfCapability("5.10.0-28-amd64\n", ""));
  EXPECT_TRUE(NeedsBpfCapability("what\n", "2\n"));
}

TEST(PrivilegesToKeep, GoByTheKernelAndThePorts) {
  const kernel::FakeTree tree;
  tree.Write("sys/kernel/osrelease", "5.10.0-28-amd64\n");
  tree.Write("sys/kernel/unprivileged_bpf_disabled", "2\n");
  const kernel::RootedReader proc(tree.root());
  EXPECT_TRUE(PrivilegesToKeep(proc, {":10058"}).bpf);
  EXPECT_FALSE(PrivilegesToKeep(proc, {":10058", "[::1]:0", "localhost", "host:99999999999"}).bind_low_ports);
  EXPECT_TRUE(PrivilegesToKeep(proc, {":10058", "[::1]:443"}).bind_low_ports);
  tree.Write("sys/kernel/unprivileged_bpf_disabled", "0\n");
  EXPECT_FALSE(PrivilegesToKeep(proc, {":443"}).bpf);
  EXPECT_FALSE(PrivilegesToKeep(kernel::RootedReader(tree.root() + "/none"), {}).bpf);
}

}  // namespace
}  // namespace agent_exporter::exporter

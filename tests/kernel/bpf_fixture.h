// What the tests of the BPF makers share. Where the kernel forbids BPF (no root, no BTF, another pid
// namespace) they skip, saying why.

#ifndef AGENT_EXPORTER_TESTS_KERNEL_BPF_FIXTURE_H_
#define AGENT_EXPORTER_TESTS_KERNEL_BPF_FIXTURE_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "kernel/bpf_makers.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter::kernel {

inline const long kTicks = sysconf(_SC_CLK_TCK);

// A process with known descriptors and threads, stopped so that no figure moves while it is read twice;
// killed at the end.
class Stopped {
 public:
  explicit Stopped(int fds, int threads = 1) {
    int ready[2];
    if (pipe(ready) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      for (int i = 0; i < fds; ++i) {
        if (dup(ready[1]) < 0) _exit(1);
      }
      if (threads > 1) setsid();
      std::vector<std::thread> others;
      for (int i = 1; i < threads; ++i) others.emplace_back([] { pause(); });
      if (write(ready[1], "x", 1) != 1) _exit(1);
      pause();
      _exit(0);
    }
    char byte = 0;
    if (read(ready[0], &byte, 1) != 1) std::abort();
    close(ready[0]);
    close(ready[1]);
    kill(pid_, SIGSTOP);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOWAIT);
  }
  ~Stopped() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

inline void BurnCpu(std::chrono::milliseconds amount) {
  timespec now{};
  do {
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) < amount);
}

inline double ChildrenCpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

// Whether this kernel is older than `major`.`minor`: what a test asks that has nothing to test on such a one.
inline bool KernelIsOlderThan(int major, int minor) {
  utsname name{};
  int its_major = 0, its_minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &its_major, &its_minor) != 2) return false;
  return its_major < major || (its_major == major && its_minor < minor);
}

class BpfTest : public ::testing::Test {
 protected:
  void SetUp() override {
    procfs_ = std::make_unique<ProcfsSource>(proc_, unreadable_, kTicks, 0);
    auto bpf = MakeBpfSource(std::make_unique<ProcfsSource>(proc_, unreadable_, kTicks, 0), kTicks);
    if (!bpf.ok()) GTEST_SKIP() << "BPF cannot be used here: " << bpf.status().message();
    bpf_ = *std::move(bpf);
  }

  static std::map<pid_t, ProcessStat> ByPid(ProcessSource& source) {
    std::vector<ProcessStat> rows;
    EXPECT_TRUE(source.ReadAll(&rows).ok());
    std::map<pid_t, ProcessStat> by_pid;
    for (ProcessStat& row : rows) by_pid[row.key.pid] = std::move(row);
    return by_pid;
  }

  RootedReader proc_{"/proc"};
  Unreadable unreadable_;
  std::unique_ptr<ProcfsSource> procfs_;
  std::unique_ptr<ProcessSource> bpf_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_TESTS_KERNEL_BPF_FIXTURE_H_

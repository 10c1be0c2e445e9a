// The BPF maker of ProcessSource on the real kernel, beside procfs.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/kernel/bpf_fixture.h"

namespace agent_exporter::kernel {
namespace {

void ExpectSame(const ProcessStat& bpf, const ProcessStat& procfs) {
  const std::string who = procfs.comm + " " + std::to_string(procfs.key.pid);
  EXPECT_EQ(bpf.key, procfs.key) << who;
  EXPECT_EQ(bpf.ppid, procfs.ppid) << who;
  EXPECT_EQ(bpf.session, procfs.session) << who;
  EXPECT_EQ(bpf.comm, procfs.comm) << who;
  EXPECT_EQ(bpf.kernel_thread, procfs.kernel_thread) << who;
  EXPECT_EQ(bpf.threads, procfs.threads) << who;
  EXPECT_EQ(bpf.virtual_bytes, procfs.virtual_bytes) << who;
  EXPECT_EQ(bpf.start_stack, procfs.start_stack) << who;
  EXPECT_EQ(bpf.minor_faults, procfs.minor_faults) << who;
  EXPECT_EQ(bpf.major_faults, procfs.major_faults) << who;
  const double tick_ns = 1e9 / static_cast<double>(kTicks);
  EXPECT_NEAR(static_cast<double>(bpf.cpu.total_ns()), static_cast<double>(procfs.cpu.total_ns()),
              3 * tick_ns)
      << who;
  EXPECT_NEAR(static_cast<double>(bpf.children_cpu.total_ns()),
              static_cast<double>(procfs.children_cpu.total_ns()), 2 * tick_ns)
      << who;
}

TEST_F(BpfTest, BothSourcesTellTheSameOfALiveTree) {
  const Stopped plain(3), many_fds(200), threaded(1, 5);
  const auto procfs = ByPid(*procfs_);
  const auto bpf = ByPid(*bpf_);
  EXPECT_EQ(bpf.at(plain.pid()).session, getsid(0));
  EXPECT_EQ(bpf.at(threaded.pid()).session, threaded.pid());
  for (const pid_t pid : {plain.pid(), many_fds.pid(), threaded.pid()}) {
    ASSERT_EQ(bpf.count(pid), 1u);
    ExpectSame(bpf.at(pid), procfs.at(pid));
    EXPECT_EQ(bpf.at(pid).state, 'T');
  }
  EXPECT_EQ(bpf.at(threaded.pid()).threads, 5u);
}

TEST_F(BpfTest, BothSourcesTellTheSameUsage) {
  const Stopped plain(3), many_fds(200), threaded(1, 5);
  const UsageFields all{.memory_parts = true,
                        .open_fds = true,
                        .io = true,
                        .context_switches = true,
                        .threads = true,
                        .fd_limit = true};
  const auto bpf = ByPid(*bpf_);
  for (const pid_t pid : {plain.pid(), many_fds.pid(), threaded.pid()}) {
    const ProcessKey key = bpf.at(pid).key;
    const auto a = bpf_->ReadUsage(key, all);
    const auto b = procfs_->ReadUsage(key, all);
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a->resident_bytes, b->resident_bytes);
    EXPECT_EQ(a->virtual_bytes, b->virtual_bytes);
    EXPECT_EQ(a->anon_bytes, b->anon_bytes);
    EXPECT_EQ(a->file_bytes, b->file_bytes);
    EXPECT_EQ(a->shmem_bytes, b->shmem_bytes);
    EXPECT_EQ(a->swap_bytes, b->swap_bytes);
    EXPECT_EQ(a->open_fds, b->open_fds);
    EXPECT_EQ(a->io_read_bytes, b->io_read_bytes);
    EXPECT_EQ(a->io_write_bytes, b->io_write_bytes);
    EXPECT_EQ(a->voluntary_switches, b->voluntary_switches);
    EXPECT_EQ(a->involuntary_switches, b->involuntary_switches);
    ASSERT_TRUE(a->threads && b->threads);
    EXPECT_EQ(a->threads->states, b->threads->states);
    EXPECT_EQ(a->threads->states[ThreadFigures::StateIndex('T')], bpf.at(pid).threads);
    EXPECT_EQ(a->threads->voluntary_switches, b->threads->voluntary_switches);
    EXPECT_EQ(a->threads->involuntary_switches, b->threads->involuntary_switches);
    EXPECT_EQ(a->fd_limit, b->fd_limit);
    EXPECT_TRUE(a->fd_limit);
  }
}

TEST_F(BpfTest, EveryProcessOfTheHostIsThere) {
  const Stopped one(1);
  const auto procfs = ByPid(*procfs_);
  const auto bpf = ByPid(*bpf_);
  // Others come and go on a live host; those that were there before and after must be in between.
  const auto again = ByPid(*procfs_);
  for (const auto& [pid, row] : procfs) {
    if (again.count(pid) == 0 || again.at(pid).key != row.key) continue;
    if (pid == 1) continue;  // some virtual machines' kernels keep their init out of task iterators
    ASSERT_EQ(bpf.count(pid), 1u) << row.comm;
    EXPECT_EQ(bpf.at(pid).key, row.key);
    EXPECT_EQ(bpf.at(pid).kernel_thread, row.kernel_thread);
  }
}

// Few processes of many are read by iterators of their own.
TEST_F(BpfTest, AFewProcessesReadAloneTellTheSameAsAmongAll) {
  if (KernelIsOlderThan(6, 1)) GTEST_SKIP() << "iterators of one process came with Linux 6.1";
  std::vector<std::unique_ptr<Stopped>> crowd;
  for (int i = 0; i < 60; ++i) crowd.push_back(std::make_unique<Stopped>(1));
  const Stopped many_fds(200), threaded(1, 5);
  const auto all = ByPid(*bpf_);
  ProcessKey stranger = all.at(crowd[0]->pid()).key;
  stranger.start_ticks += 1;
  std::vector<ProcessStat> rows;
  for (int pass = 0; pass < 2; ++pass) {  // the second over links that are held
    ASSERT_TRUE(
        bpf_->ReadSome({all.at(threaded.pid()).key, stranger, all.at(many_fds.pid()).key}, &rows).ok());
    ASSERT_EQ(rows.size(), 2u);
    for (const ProcessStat& row : rows) {
      ExpectSame(row, all.at(row.key.pid));
      EXPECT_EQ(row.cpu, all.at(row.key.pid).cpu);  // to the nanosecond, its threads' included
    }
    EXPECT_EQ(rows[0].threads, 5u);
    const auto usage = bpf_->ReadUsage(rows[1].key, {.open_fds = true});
    ASSERT_TRUE(usage.ok()) << usage.status();
    EXPECT_EQ(usage->open_fds, procfs_->ReadUsage(rows[1].key, {.open_fds = true})->open_fds);
    const auto one = bpf_->ReadOne(rows[0].key);
    ASSERT_TRUE(one.ok()) << one.status();
    EXPECT_EQ(one->cpu, all.at(threaded.pid()).cpu);
    EXPECT_TRUE(absl::IsNotFound(bpf_->ReadOne(stranger).status()));
  }
}

TEST_F(BpfTest, ProcessesReadOnceOrGoneHoldNoDescriptor) {
  if (KernelIsOlderThan(6, 1)) GTEST_SKIP() << "iterators of one process came with Linux 6.1";
  const auto open_fds = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  std::vector<std::unique_ptr<Stopped>> crowd;
  for (int i = 0; i < 60; ++i) crowd.push_back(std::make_unique<Stopped>(1));
  const auto all = ByPid(*bpf_);
  const auto before = open_fds();
  for (const auto& one : crowd) ASSERT_TRUE(bpf_->ReadOne(all.at(one->pid()).key).ok());
  EXPECT_EQ(open_fds(), before);

  const ProcessKey key = all.at(crowd.back()->pid()).key;
  std::vector<ProcessStat> rows;
  ASSERT_TRUE(bpf_->ReadSome({key}, &rows).ok());
  ASSERT_EQ(rows.size(), 1u);
  crowd.pop_back();
  const auto held = open_fds();
  ASSERT_TRUE(bpf_->ReadSome({key}, &rows).ok());
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(open_fds(), held - 1);
}

TEST_F(BpfTest, NothingIsHeldForWhoIsNoLongerAskedFor) {
  if (KernelIsOlderThan(6, 1)) GTEST_SKIP() << "iterators of one process came with Linux 6.1";
  std::vector<std::unique_ptr<Stopped>> crowd;
  for (int i = 0; i < 60; ++i) crowd.push_back(std::make_unique<Stopped>(1));
  const auto all = ByPid(*bpf_);
  const auto key = [&](int i) { return all.at(crowd[i]->pid()).key; };
  const auto open_fds = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  std::vector<ProcessStat> rows;
  ASSERT_TRUE(bpf_->ReadSome({key(0), key(1)}, &rows).ok());
  const auto with_two = open_fds();
  ASSERT_TRUE(bpf_->ReadSome({key(1)}, &rows).ok());
  EXPECT_EQ(open_fds(), with_two - 1);
}

TEST_F(BpfTest, ChildrenTimeOfOneProcessIsNotCutToTicks) {
  if (KernelIsOlderThan(6, 1)) GTEST_SKIP() << "iterators of one process came with Linux 6.1";
  const ProcessKey self = ByPid(*bpf_).at(getpid()).key;
  for (int i = 0; i < 20; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      BurnCpu(std::chrono::milliseconds(3));
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
  }
  const auto row = bpf_->ReadOne(self);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_NEAR(static_cast<double>(row->children_cpu.total_ns()) * 1e-9, ChildrenCpuSeconds(), 1e-5);
}

TEST_F(BpfTest, AZombieIsOne) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  const auto bpf = ByPid(*bpf_);
  ASSERT_EQ(bpf.count(pid), 1u);
  EXPECT_EQ(bpf.at(pid).state, 'Z');
  EXPECT_TRUE(absl::IsFailedPrecondition(bpf_->ReadUsage(bpf.at(pid).key, {}).status()));
  EXPECT_TRUE(bpf_->ReadUsage(bpf.at(getpid()).key, {}).ok());
  waitpid(pid, nullptr, 0);
}

TEST_F(BpfTest, UsageOfAReusedPidIsGone) {
  const Stopped one(1);
  const auto bpf = ByPid(*bpf_);
  ProcessKey stranger = bpf.at(one.pid()).key;
  stranger.start_ticks += 1;
  EXPECT_TRUE(absl::IsNotFound(bpf_->ReadUsage(stranger, {}).status()));
}

}  // namespace
}  // namespace agent_exporter::kernel

// The BPF makers on the real kernel. Where it forbids BPF (no root, no BTF, another pid namespace) these
// skip, saying why.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "kernel/bpf_makers.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter {
namespace {

const long kTicks = sysconf(_SC_CLK_TCK);

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

void BurnCpu(std::chrono::milliseconds amount) {
  timespec now{};
  do {
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) < amount);
}

double ChildrenCpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
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
  const UsageFields all{.memory_parts = true, .open_fds = true, .io = true, .context_switches = true};
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
  const auto usage = bpf_->ReadUsage(bpf.at(pid).key, {});
  ASSERT_TRUE(usage.ok());
  EXPECT_FALSE(usage->resident_bytes.has_value());
  EXPECT_FALSE(usage->open_fds.has_value());
  waitpid(pid, nullptr, 0);
}

TEST_F(BpfTest, UsageOfAReusedPidIsGone) {
  const Stopped one(1);
  const auto bpf = ByPid(*bpf_);
  ProcessKey stranger = bpf.at(one.pid()).key;
  stranger.start_ticks += 1;
  EXPECT_TRUE(absl::IsNotFound(bpf_->ReadUsage(stranger, {}).status()));
}

class BpfEventsTest : public BpfTest {
 protected:
  void SetUp() override {
    BpfTest::SetUp();
    if (IsSkipped()) return;
    auto events = MakeBpfEvents(kTicks);
    if (!events.ok()) GTEST_SKIP() << "BPF events cannot be used here: " << events.status().message();
    events_ = *std::move(events);
    ASSERT_TRUE(events_->Track({ByPid(*procfs_).at(getpid()).key}).ok());
  }

  // Drains until `enough` or 5 s have passed.
  template <typename Enough>
  void DrainUntil(Enough enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    do {
      ASSERT_TRUE(events_->Drain(&seen_).ok());
      if (enough()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    } while (std::chrono::steady_clock::now() < deadline);
  }
  size_t Count(ProcessEvent::Kind kind) const {
    size_t count = 0;
    for (const ProcessEvent& event : seen_) count += event.kind == kind ? 1 : 0;
    return count;
  }
  const ProcessEvent* Find(ProcessEvent::Kind kind, pid_t pid) const {
    for (const ProcessEvent& event : seen_) {
      if (event.kind == kind && event.key.pid == pid) return &event;
    }
    return nullptr;
  }

  std::unique_ptr<ProcessEvents> events_;
  std::vector<ProcessEvent> seen_;
};

TEST_F(BpfEventsTest, FiveThousandShortLivedChildrenAreAllSeen) {
  for (int i = 0; i < 5000; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, nullptr, 0);
  }
  DrainUntil([this] { return Count(ProcessEvent::Kind::kExit) >= 5000; });
  EXPECT_EQ(Count(ProcessEvent::Kind::kFork), 5000u);
  EXPECT_EQ(Count(ProcessEvent::Kind::kExit), 5000u);
  EXPECT_EQ(events_->lost(), 0u);
}

TEST_F(BpfEventsTest, HowAProcessEndedIsTold) {
  const pid_t coded = fork();
  if (coded == 0) _exit(3);
  const pid_t killed = fork();
  if (killed == 0) {
    pause();
    _exit(0);
  }
  kill(killed, SIGTERM);
  waitpid(coded, nullptr, 0);
  waitpid(killed, nullptr, 0);
  DrainUntil(
      [&] { return Find(ProcessEvent::Kind::kExit, coded) && Find(ProcessEvent::Kind::kExit, killed); });
  const ProcessEvent* code = Find(ProcessEvent::Kind::kExit, coded);
  const ProcessEvent* signal = Find(ProcessEvent::Kind::kExit, killed);
  ASSERT_TRUE(code != nullptr && signal != nullptr);
  EXPECT_TRUE(WIFEXITED(code->status) && WEXITSTATUS(code->status) == 3) << code->status;
  EXPECT_TRUE(WIFSIGNALED(signal->status) && WTERMSIG(signal->status) == SIGTERM) << signal->status;
  EXPECT_GT(signal->max_resident_bytes, 0u);
}

TEST_F(BpfEventsTest, GrandchildrenOfADeadParentAreTold) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  if (child == 0) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      pause();
      _exit(0);
    }
    if (write(told[1], &grandchild, sizeof(grandchild)) < 0) _exit(1);
    _exit(0);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(read(told[0], &grandchild, sizeof(grandchild)), static_cast<ssize_t>(sizeof(grandchild)));
  waitpid(child, nullptr, 0);
  DrainUntil([&] { return Find(ProcessEvent::Kind::kFork, grandchild) != nullptr; });
  const ProcessEvent* fork_event = Find(ProcessEvent::Kind::kFork, grandchild);
  ASSERT_NE(fork_event, nullptr);
  EXPECT_EQ(fork_event->parent, child);
  EXPECT_EQ(fork_event->key, ByPid(*procfs_).at(grandchild).key);
  kill(grandchild, SIGKILL);
  close(told[0]);
  close(told[1]);
}

TEST_F(BpfEventsTest, AnExecIsTold) {
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  waitpid(pid, nullptr, 0);
  DrainUntil([&] { return Find(ProcessEvent::Kind::kExec, pid) != nullptr; });
  EXPECT_NE(Find(ProcessEvent::Kind::kExec, pid), nullptr);
}

TEST_F(BpfEventsTest, ChildrenNobodyWaitsForTellTheirFinalCpu) {
  // A tracked child that ignores SIGCHLD: its own children never show in its cutime.
  const double before = ChildrenCpuSeconds();
  const pid_t parent = fork();
  if (parent == 0) {
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 20; ++i) {
      if (fork() == 0) {
        BurnCpu(std::chrono::milliseconds(10));
        _exit(0);
      }
    }
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
  EXPECT_LT(ChildrenCpuSeconds() - before, 0.1) << "the kernel's own sum misses them";
  const auto total = [this] {
    double seconds = 0;
    for (const ProcessEvent& event : seen_) {
      if (event.kind == ProcessEvent::Kind::kFinalCpu)
        seconds += static_cast<double>(event.cpu.total_ns()) * 1e-9;
    }
    return seconds;
  };
  DrainUntil([&] { return Count(ProcessEvent::Kind::kFinalCpu) >= 20; });
  EXPECT_GE(total(), 0.19);
}

TEST_F(BpfEventsTest, AnotherProcessThatSharesNothingIsNotTold) {
  events_.reset();
  auto fresh = MakeBpfEvents(kTicks);  // nothing tracked
  ASSERT_TRUE(fresh.ok());
  events_ = *std::move(fresh);
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  ASSERT_TRUE(events_->Drain(&seen_).ok());
  EXPECT_EQ(Find(ProcessEvent::Kind::kFork, pid), nullptr);
  EXPECT_EQ(Find(ProcessEvent::Kind::kExit, pid), nullptr);
}

TEST(BpfWithoutRights, IsRefusedInOneLine) {
  // Without rights the makers say so in one line and load nothing.
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give it up";
  const pid_t pid = fork();
  if (pid == 0) {
    if (setuid(65534) != 0) _exit(2);
    const auto events = MakeBpfEvents(kTicks);
    _exit(events.ok() ? 1 : events.status().message().empty() ? 3 : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace agent_exporter

#include "kernel/procfs_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernel/child_process.h"

namespace agent_exporter::kernel {
namespace {

constexpr UsageFields kEverything{
    .memory_parts = true, .open_fds = true, .io = true, .context_switches = true};
constexpr UsageFields kLeast{
    .memory_parts = false, .open_fds = false, .io = false, .context_switches = false};

// Both ways to read: held descriptors, and none.
class ProcfsSourceTest : public testing::TestWithParam<size_t> {
 protected:
  const ProcessStat* Find(pid_t pid) {
    EXPECT_TRUE(source_.ReadAll(&rows_).ok());
    const auto row =
        std::find_if(rows_.begin(), rows_.end(), [&](const auto& r) { return r.key.pid == pid; });
    return row == rows_.end() ? nullptr : &*row;
  }
  // Twice, so that the second read is one of held descriptors where they may be.
  absl::StatusOr<ProcessUsage> ReadTwice(const ProcessKey& key, const UsageFields& fields) {
    source_.ReadUsage(key, fields).IgnoreError();
    return source_.ReadUsage(key, fields);
  }

  RootedReader proc_{"/proc"};
  Unreadable unreadable_;
  ProcfsSource source_{proc_, unreadable_, ::sysconf(_SC_CLK_TCK), GetParam()};
  std::vector<ProcessStat> rows_;
};
INSTANTIATE_TEST_SUITE_P(Descriptors, ProcfsSourceTest, testing::Values(0, 100), [](const auto& held) {
  return held.param == 0 ? std::string("OpenedAnew") : std::string("Held");
});

TEST_P(ProcfsSourceTest, SeesAChildAsItIs) {
  ChildProcess child([] { ::prctl(PR_SET_NAME, "an agent"); });
  const ProcessStat* row = Find(child.pid());
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->comm, "an agent");
  EXPECT_EQ(row->ppid, ::getpid());
  EXPECT_EQ(row->threads, 1u);
  EXPECT_FALSE(row->kernel_thread);
  EXPECT_GT(row->key.start_ticks, 0u);
  EXPECT_GT(row->virtual_bytes, 0u);
  EXPECT_GT(row->start_stack, 0u);
  EXPECT_EQ(source_.name(), "procfs");
}

TEST_P(ProcfsSourceTest, RowsAreReplaced) {
  ChildProcess child;
  ASSERT_TRUE(source_.ReadAll(&rows_).ok());
  rows_.insert(rows_.end(), 200000, ProcessStat{});
  ASSERT_NE(Find(child.pid()), nullptr);
  EXPECT_LT(rows_.size(), 200000u);
  EXPECT_TRUE(std::all_of(rows_.begin(), rows_.end(), [](const auto& row) { return row.key.pid > 0; }));
}

TEST_P(ProcfsSourceTest, CountsDescriptorsExactly) {
  ChildProcess child([] {
    for (int i = 0; i < 700; ++i) {
      if (::open("/dev/null", O_RDONLY) < 0) ::_exit(1);
    }
  });
  const auto entries = std::filesystem::directory_iterator("/proc/" + std::to_string(child.pid()) + "/fd");
  const auto expected = std::distance(begin(entries), end(entries));
  ASSERT_GT(expected, 700);
  const auto usage = ReadTwice(Find(child.pid())->key, kEverything);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->open_fds, static_cast<uint64_t>(expected));
}

TEST_P(ProcfsSourceTest, MemoryIsWhatTheProcessTouched) {
  constexpr size_t kSize = size_t{64} << 20;
  ChildProcess child([] {
    void* anon = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void* shared = ::mmap(nullptr, kSize / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (anon == MAP_FAILED || shared == MAP_FAILED) ::_exit(1);
    std::memset(anon, 1, kSize);
    std::memset(shared, 1, kSize / 2);
  });
  const ProcessKey key = Find(child.pid())->key;
  const auto parts = ReadTwice(key, kEverything);
  ASSERT_TRUE(parts.ok());
  EXPECT_GE(parts->anon_bytes.value_or(0) + parts->swap_bytes.value_or(0), kSize);
  EXPECT_GE(parts->shmem_bytes.value_or(0), kSize / 2);
  EXPECT_EQ(*parts->resident_bytes, *parts->anon_bytes + *parts->file_bytes + *parts->shmem_bytes);
  EXPECT_GT(*parts->virtual_bytes, *parts->resident_bytes);

  // The cheap way (statm) tells the same as the dear one (status).
  const auto total = ReadTwice(key, kLeast);
  ASSERT_TRUE(total.ok());
  EXPECT_FALSE(total->anon_bytes);
  EXPECT_FALSE(total->open_fds);
  EXPECT_NEAR(static_cast<double>(*total->resident_bytes), static_cast<double>(*parts->resident_bytes),
              0.02 * static_cast<double>(*parts->resident_bytes));
  EXPECT_EQ(total->virtual_bytes, parts->virtual_bytes);
}

constexpr size_t kSwapBytes = size_t{1} << 20;
void* mapping = nullptr;

void DropMapping(int) {
  if (mapping != nullptr) ::munmap(mapping, kSwapBytes);
  mapping = nullptr;
}

// Maps kSwapBytes of a file and, the next time, as many of shared memory in their place.
void SwapMapping(int) {
  static bool file = false;
  DropMapping(0);
  file = !file;
  const int fd = file ? ::open("/proc/self/exe", O_RDONLY) : -1;
  mapping = ::mmap(nullptr, kSwapBytes, PROT_READ | (file ? 0 : PROT_WRITE),
                   file ? MAP_PRIVATE : MAP_SHARED | MAP_ANONYMOUS, fd, 0);
  if (mapping == MAP_FAILED) ::_exit(1);
  ::close(fd);
  for (size_t at = 0; at < kSwapBytes; at += 4096) {
    volatile char* byte = static_cast<char*>(mapping) + at;
    if (file) {
      (void)*byte;
    } else {
      *byte = 1;
    }
  }
}

TEST_P(ProcfsSourceTest, MemoryFiguresFollowEveryMove) {
  int done[2];
  ASSERT_EQ(::pipe(done), 0);
  static int done_fd;
  done_fd = done[1];
  ChildProcess child([] {
    for (const auto& [number, handler] :
         {std::pair(SIGUSR1, &SwapMapping), std::pair(SIGUSR2, &DropMapping)}) {
      static void (*handlers[NSIG])(int);
      handlers[number] = handler;
      ::signal(number, [](int signal_number) {
        handlers[signal_number](0);
        (void)!::write(done_fd, "d", 1);
      });
      // Three times, so that the child has all the stack and code that this takes.
      for (int i = 0; i < 3; ++i) ::raise(number);
    }
    ::raise(SIGUSR1);
    ::raise(SIGUSR1);
  });
  const ProcessKey key = Find(child.pid())->key;
  const auto read = [&] {
    EXPECT_TRUE(source_.ReadAll(&rows_).ok());
    const auto usage = source_.ReadUsage(key, {.memory_parts = true, .open_fds = false});
    EXPECT_TRUE(usage.ok()) << usage.status();
    return usage.value_or(ProcessUsage{});
  };
  const auto tell = [&](int number) {
    ::kill(child.pid(), number);
    char byte;
    EXPECT_EQ(::read(done[0], &byte, 1), 1);
  };
  char drained[8];
  EXPECT_EQ(::read(done[0], drained, sizeof(drained)), 8);

  const ProcessUsage file = read();
  EXPECT_EQ(read().file_bytes, file.file_bytes);
  tell(SIGUSR1);
  const ProcessUsage shmem = read();  // the totals are the same: only page faults tell
  EXPECT_EQ(*shmem.shmem_bytes - *file.shmem_bytes, kSwapBytes);
  EXPECT_LE(*shmem.file_bytes + kSwapBytes / 2, *file.file_bytes);
  EXPECT_EQ(read().shmem_bytes, shmem.shmem_bytes);
  tell(SIGUSR2);
  const ProcessUsage none = read();  // without a page fault: only the totals tell
  EXPECT_EQ(none.shmem_bytes, file.shmem_bytes);
  EXPECT_EQ(none.virtual_bytes, *shmem.virtual_bytes - kSwapBytes);
  ::close(done[0]);
  ::close(done[1]);
}

TEST_P(ProcfsSourceTest, SwitchesAndIoOnlyWhereAskedFor) {
  const auto self = source_.ReadOne(Find(::getpid())->key);
  ASSERT_TRUE(self.ok());
  const auto all = ReadTwice(self->key, kEverything);
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->voluntary_switches);
  EXPECT_TRUE(all->involuntary_switches);
  EXPECT_TRUE(all->io_read_bytes);
  EXPECT_TRUE(all->io_write_bytes);
  EXPECT_TRUE(all->anon_bytes);
  const auto switches = ReadTwice(self->key, {.memory_parts = false, .context_switches = true});
  EXPECT_TRUE(switches->voluntary_switches);
  EXPECT_TRUE(switches->resident_bytes);
  EXPECT_FALSE(switches->anon_bytes);
  const auto plain = ReadTwice(self->key, UsageFields{});
  EXPECT_FALSE(plain->voluntary_switches);
  EXPECT_FALSE(plain->io_read_bytes);
  EXPECT_TRUE(plain->open_fds);
}

TEST_P(ProcfsSourceTest, CpuTimeAgreesWithGetrusage) {
  // Some CPU time of our own, whichever way it is divided.
  timespec now;
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (now.tv_sec * 1000 + now.tv_nsec / 1'000'000 < 200);
  const ProcessStat* row = Find(::getpid());
  timespec after;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double seconds = static_cast<double>(row->cpu.total_ns()) / 1e9;
  // Both modes are cut to whole ticks.
  EXPECT_GE(seconds, static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 - 0.03);
  EXPECT_LE(seconds, static_cast<double>(after.tv_sec) + static_cast<double>(after.tv_nsec) / 1e9 + 0.001);
}

TEST_P(ProcfsSourceTest, AZombieHasNoMemory) {
  ChildProcess child;
  const ProcessKey key = Find(child.pid())->key;
  ASSERT_TRUE(source_.ReadUsage(key, kEverything).ok());
  child.KillToZombie();
  EXPECT_EQ(Find(child.pid())->state, 'Z');
  for (const UsageFields& fields : {kEverything, kLeast}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(ReadTwice(key, fields).status()));
  }
}

TEST_P(ProcfsSourceTest, AZombiesCpuTimeIsNotCutToTicks) {
  const ChildProcess child([] {
    timespec used{};
    do {
      ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_nsec < 3'000'000);
  });
  child.KillToZombie();
  rusage before{}, after{};
  ASSERT_EQ(::getrusage(RUSAGE_CHILDREN, &before), 0);
  const ProcessStat zombie = *Find(child.pid());
  ASSERT_EQ(zombie.state, 'Z');
  EXPECT_GE(zombie.cpu.total_ns(), 3'000'000);
  // What its parent is told once it waits is the truth.
  ASSERT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  ASSERT_EQ(::getrusage(RUSAGE_CHILDREN, &after), 0);
  const auto micros = [](const rusage& usage) {
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  EXPECT_NEAR(static_cast<double>(zombie.cpu.total_ns()) / 1000,
              static_cast<double>(micros(after) - micros(before)), 4);
}

TEST_P(ProcfsSourceTest, AReapedProcessIsGone) {
  ChildProcess child;
  const ProcessKey key = Find(child.pid())->key;
  ASSERT_TRUE(ReadTwice(key, kEverything).ok());
  ASSERT_TRUE(source_.ReadOne(key).ok());
  child.KillAndReap();
  EXPECT_TRUE(absl::IsNotFound(source_.ReadUsage(key, kEverything).status()));
  EXPECT_TRUE(absl::IsNotFound(source_.ReadOne(key).status()));
  EXPECT_EQ(Find(key.pid), nullptr);
  EXPECT_EQ(source_.held_descriptors(), 0u);
  EXPECT_THAT(unreadable_.counts(), testing::IsEmpty());
}

TEST_P(ProcfsSourceTest, AnotherStartTimeIsAnotherProcess) {
  ChildProcess child;
  ProcessKey key = Find(child.pid())->key;
  ASSERT_TRUE(ReadTwice(key, kEverything).ok());
  ++key.start_ticks;
  EXPECT_TRUE(absl::IsNotFound(source_.ReadUsage(key, kEverything).status()));
  EXPECT_TRUE(absl::IsNotFound(source_.ReadOne(key).status()));
}

size_t OpenDescriptors() {
  const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

// A process' status is held only while its memory moves.
TEST(ProcfsSourceHoldingTest, HoldsStatusWhileMemoryMoves) {
  const RootedReader proc("/proc");
  Unreadable unreadable;
  ProcfsSource source(proc, unreadable, 100, 100);
  const auto self = [&] {
    std::vector<ProcessStat> rows;
    EXPECT_TRUE(source.ReadAll(&rows).ok());
    return std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.key.pid == ::getpid(); })
        ->key;
  };
  const ProcessKey key = self();
  constexpr size_t kStep = size_t{1} << 20;
  std::vector<void*> areas;
  std::optional<uint64_t> last;
  for (const size_t expected : {3u, 4u, 4u}) {
    void* area = ::mmap(nullptr, kStep, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(area, MAP_FAILED);
    std::memset(area, 1, kStep);
    areas.push_back(area);
    self();
    const auto usage = source.ReadUsage(key, UsageFields{});
    ASSERT_TRUE(usage.ok());
    EXPECT_GE(*usage->anon_bytes, last.value_or(0) + kStep);
    EXPECT_EQ(source.held_descriptors(), expected);
    last = usage->anon_bytes;
  }
  for (void* area : areas) ::munmap(area, kStep);
}

TEST(ProcfsSourceHoldingTest, StaysWithinItsBoundAndForgets) {
  const RootedReader proc("/proc");
  Unreadable unreadable;
  std::vector<ProcessKey> keys;
  ChildProcess children[5];
  const size_t before = OpenDescriptors();
  {
    ProcfsSource source(proc, unreadable, 100, 7);
    std::vector<ProcessStat> rows;
    ASSERT_TRUE(source.ReadAll(&rows).ok());
    for (const ChildProcess& child : children) {
      for (const ProcessStat& row : rows) {
        if (row.key.pid == child.pid()) keys.push_back(row.key);
      }
    }
    ASSERT_EQ(keys.size(), 5u);
    for (int round = 0; round < 3; ++round) {
      for (const ProcessKey& key : keys) EXPECT_TRUE(source.ReadUsage(key, UsageFields{}).ok());
      ASSERT_TRUE(source.ReadAll(&rows).ok());
      EXPECT_EQ(source.held_descriptors(), 6u) << "stat, statm and fd of two processes";
      EXPECT_EQ(OpenDescriptors(), before + 6);
    }
    ProcessKey stranger = keys[0];
    ++stranger.start_ticks;
    source.Forget(stranger);
    EXPECT_EQ(source.held_descriptors(), 6u);
    source.Forget(keys[0]);
    EXPECT_EQ(source.held_descriptors(), 3u);
    EXPECT_EQ(OpenDescriptors(), before + 3);
    // The room is somebody else's now.
    EXPECT_TRUE(source.ReadUsage(keys[4], UsageFields{}).ok());
    EXPECT_EQ(source.held_descriptors(), 6u);
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

}  // namespace
}  // namespace agent_exporter::kernel

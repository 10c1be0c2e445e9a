// What ProcfsSource does with names made to confuse it, strangers under a known pid, files it may not read
// and trees that are no procfs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "kernel/procfs_source.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr long kTicks = 100;
constexpr UsageFields kAllFields{
    .memory_parts = true, .open_fds = true, .io = true, .context_switches = true};

const ProcessStat* Find(const std::vector<ProcessStat>& rows, pid_t pid) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.key.pid == pid; });
  return row == rows.end() ? nullptr : &*row;
}

TEST(ProcfsSourceHostileTest, RealNamesThatLookLikeFields) {
  const RootedReader proc("/proc");
  Unreadable unreadable;
  ProcfsSource source(proc, unreadable, kTicks, 100);
  for (const std::string name : {"a b c", ") S 1 1 1 (", "a\nb", "\"'\\", "\xff\xfe\xc0", ")", "("}) {
    ChildProcess child([&] { ::prctl(PR_SET_NAME, name.c_str()); });
    std::vector<ProcessStat> rows;
    ASSERT_TRUE(source.ReadAll(&rows).ok());
    const ProcessStat* row = Find(rows, child.pid());
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->comm, name);
    EXPECT_EQ(row->ppid, ::getpid());
    const auto usage = source.ReadUsage(row->key, kAllFields);
    ASSERT_TRUE(usage.ok()) << name;
    EXPECT_GT(usage->resident_bytes.value_or(0), 0u) << name;
  }
  EXPECT_THAT(unreadable.counts(), IsEmpty());
}

// A child under a pid of our choice: a real reuse (clone3(2), set_tid). -1 where that is not allowed.
pid_t StartUnderPid(pid_t pid) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<uintptr_t>(&pid);
  args.set_tid_size = 1;
  const long child = ::syscall(SYS_clone3, &args, sizeof(args));
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true) ::pause();
  }
  return static_cast<pid_t>(child);
}

// Waits until a process that starts now gets a later start time than `ticks`.
void WaitForTick(uint64_t ticks) {
  timespec now;
  do {
    ::clock_gettime(CLOCK_BOOTTIME, &now);
  } while (static_cast<uint64_t>(now.tv_sec) * kTicks +
               static_cast<uint64_t>(now.tv_nsec) / (1'000'000'000 / kTicks) <=
           ticks);
}

TEST(ProcfsSourceHostileTest, AReusedPidIsAStranger) {
  const RootedReader proc("/proc");
  Unreadable unreadable;
  ProcfsSource source(proc, unreadable, kTicks, 100);
  std::vector<ProcessStat> rows;
  ChildProcess first;
  const pid_t pid = first.pid();
  ASSERT_TRUE(source.ReadAll(&rows).ok());
  const ProcessKey old_key = Find(rows, pid)->key;
  ASSERT_TRUE(source.ReadUsage(old_key, kAllFields).ok());
  ASSERT_GT(source.held_descriptors(), 0u);

  first.KillAndReap();
  WaitForTick(old_key.start_ticks);
  if (StartUnderPid(pid) != pid) GTEST_SKIP() << "may not choose a pid";

  // One pass shows the new process, though descriptors of the old one were held under its pid.
  EXPECT_TRUE(source.ReadAll(&rows).ok());
  const ProcessStat* row = Find(rows, pid);
  ASSERT_NE(row, nullptr);
  const ProcessKey new_key = row->key;
  EXPECT_NE(new_key, old_key);
  EXPECT_TRUE(absl::IsNotFound(source.ReadUsage(old_key, kAllFields).status()));
  EXPECT_TRUE(absl::IsNotFound(source.ReadOne(old_key).status()));
  EXPECT_TRUE(source.ReadUsage(new_key, kAllFields).ok());
  EXPECT_TRUE(absl::IsNotFound(source.ReadUsage(old_key, kAllFields).status()));
  source.Forget(old_key);
  EXPECT_GT(source.held_descriptors(), 0u) << "the new process' own stay";
  EXPECT_TRUE(source.ReadUsage(new_key, kAllFields).ok());
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST(ProcfsSourceHostileTest, WhatAnotherUserMayNotReadIsEmptyAndCounted) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  ChildProcess child;
  EXPECT_EQ(RunAs(65534,
                  [&] {
                    const RootedReader proc("/proc");
                    Unreadable unreadable;
                    ProcfsSource source(proc, unreadable, kTicks, 100);
                    std::vector<ProcessStat> rows;
                    if (!source.ReadAll(&rows).ok()) return 1;
                    const ProcessStat* row = Find(rows, child.pid());
                    if (row == nullptr || row->start_stack != 0 || !unreadable.counts().empty()) return 2;
                    for (uint64_t count = 1; count <= 2; ++count) {
                      const auto usage = source.ReadUsage(row->key, kAllFields);
                      if (!usage.ok() || usage->io_read_bytes || usage->io_write_bytes) return 3;
                      if (!usage->resident_bytes || !usage->voluntary_switches) return 4;
                      const Unreadable::Counts& counts = unreadable.counts();
                      if (counts.count({"io", "permission"}) == 0 || counts.at({"io", "permission"}) != count)
                        return 5;
                      // Since 6.2 the number of descriptors is no secret; before it is, and counted.
                      if (usage->open_fds.has_value() == (counts.count({"fd", "permission"}) > 0)) return 6;
                    }
                    return 0;
                  }),
            0);
}

constexpr char kStatTail[] =
    " S 1 7 7 0 -1 4194304 11 1 13 2 250 50 400 100 20 0 3 0 5000 1048576 33 18446744073709551615 1 1 140000 "
    "0 0\n";

class FakeProcTest : public testing::Test {
 protected:
  FakeProcTest() {
    tree_.Write("7/stat", std::string("7 (agent)") + kStatTail);
    tree_.Write("7/status", "Name:\tagent\nVmSize:\t200 kB\nVmRSS:\t60 kB\nThreads:\t1\n");
    tree_.Write("7/io", "read_bytes: 1\nwrite_bytes: 2\n");
    tree_.MakeDirectory("7/fd");
    for (const char* fd : {"0", "1", "2"}) tree_.Link(std::string("7/fd/") + fd, "/dev/null");
  }

  FakeTree tree_;
  Unreadable unreadable_;
  std::vector<ProcessStat> rows_;
  RootedReader proc_{tree_.root()};
  ProcfsSource source_{proc_, unreadable_, kTicks, 100};
};

TEST_F(FakeProcTest, ATreeThatIsNoProcfsIsCountedByItsEntriesAndNotHeld) {
  tree_.Link("self/fd/0", "/dev/null");  // a directory whose size says nothing about descriptors
  ProcfsSource source(proc_, unreadable_, kTicks, 100);
  const auto usage = source.ReadUsage({7, 5000}, kAllFields);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->open_fds, 3u);
  EXPECT_EQ(usage->resident_bytes, 60u * 1024);
  EXPECT_EQ(usage->anon_bytes, std::nullopt);
  EXPECT_EQ(usage->io_write_bytes, 2u);
  EXPECT_EQ(source.held_descriptors(), 0u);
}

TEST_F(FakeProcTest, OnlyPidsAreListed) {
  tree_.Write("self/stat", "1");
  tree_.Write("7x/stat", "1");
  tree_.Write("07/stat", "1");
  tree_.Write("99999999999/stat", "1");
  tree_.Write("stat", "btime 1\n");
  ASSERT_TRUE(source_.ReadAll(&rows_).ok());
  ASSERT_EQ(rows_.size(), 1u);
  EXPECT_EQ(rows_[0].comm, "agent");
  EXPECT_THAT(unreadable_.counts(), IsEmpty());
}

TEST_F(FakeProcTest, AProcessThatVanishesBeforeItIsReadIsSkippedSilently) {
  tree_.MakeDirectory("8");
  ASSERT_TRUE(source_.ReadAll(&rows_).ok());
  EXPECT_EQ(rows_.size(), 1u);
  EXPECT_THAT(unreadable_.counts(), IsEmpty());
}

TEST_F(FakeProcTest, MalformedRowsAreLeftOutAndCounted) {
  tree_.Write("8/stat", "8 (cut) S 1 2");
  tree_.Write("9/stat", "");
  tree_.Write("10/stat", std::string("11 (other pid)") + kStatTail);
  tree_.Write("12/stat", std::string("12 (") + std::string(10'000, 'x') + ")" + kStatTail);
  ASSERT_TRUE(source_.ReadAll(&rows_).ok());
  EXPECT_EQ(rows_.size(), 1u);
  EXPECT_THAT(unreadable_.counts(), UnorderedElementsAre(Pair(Pair("stat", "malformed"), 4)));
  EXPECT_TRUE(absl::IsInvalidArgument(source_.ReadOne({8, 5000}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(source_.ReadUsage({8, 5000}, kAllFields).status()));
}

TEST_F(FakeProcTest, APidWithAnotherStartTimeIsNotFound) {
  ASSERT_TRUE(source_.ReadOne({7, 5000}).ok());
  std::string text = std::string("7 (agent)") + kStatTail;
  tree_.Write("7/stat", text.replace(text.find("5000"), 4, "6000"));
  EXPECT_TRUE(absl::IsNotFound(source_.ReadOne({7, 5000}).status()));
  EXPECT_TRUE(absl::IsNotFound(source_.ReadUsage({7, 5000}, kAllFields).status()));
  EXPECT_TRUE(source_.ReadUsage({7, 6000}, kAllFields).ok());
}

TEST_F(FakeProcTest, AFileThatIsMissingOfALiveProcessIsCounted) {
  tree_.Remove("7/io");
  tree_.Remove("7/fd");
  const auto usage = source_.ReadUsage({7, 5000}, kAllFields);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_FALSE(usage->io_read_bytes);
  EXPECT_FALSE(usage->open_fds);
  EXPECT_EQ(usage->resident_bytes, 60u * 1024);
  EXPECT_THAT(unreadable_.counts(),
              UnorderedElementsAre(Pair(Pair("io", "missing"), 1), Pair(Pair("fd", "missing"), 1)));
}

TEST_F(FakeProcTest, MalformedFieldsAreEmptyAndCounted) {
  tree_.Write("7/status", "VmSize:\t200 kB\nVmRSS:\tsixty kB\n");
  tree_.Write("7/io", "read_bytes: many\n");
  const auto usage = source_.ReadUsage({7, 5000}, kAllFields);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_FALSE(usage->resident_bytes);
  EXPECT_EQ(usage->virtual_bytes, 200u * 1024);
  EXPECT_FALSE(usage->io_read_bytes);
  EXPECT_THAT(unreadable_.counts(),
              UnorderedElementsAre(Pair(Pair("status", "malformed"), 1), Pair(Pair("io", "malformed"), 1)));
}

TEST_F(FakeProcTest, AStatusLongerThanTheBufferIsReadWhole) {
  tree_.Write("7/status", "Groups:\t" + std::string(300'000, '1') + "\nVmSize:\t90 kB\nVmRSS:\t60 kB\n");
  const auto usage = source_.ReadUsage({7, 5000}, kAllFields);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->resident_bytes, 60u * 1024);
}

TEST(ProcfsSourceRootTest, NoProcIsAnError) {
  const RootedReader proc("/nonexistent/proc");
  Unreadable unreadable;
  ProcfsSource source(proc, unreadable, kTicks, 100);
  std::vector<ProcessStat> rows;
  EXPECT_TRUE(absl::IsNotFound(source.ReadAll(&rows)));
  EXPECT_FALSE(source.ReadUsage({1, 1}, kAllFields).ok());
}

}  // namespace
}  // namespace agent_exporter::kernel

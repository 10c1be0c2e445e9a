#include "kernel/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysinfo.h>
#include <time.h>

#include <cmath>

#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(HostReaderTest, ReadsThisHost) {
  const RootedReader proc("/proc");
  Unreadable unreadable;
  const HostSample sample = HostReader(proc, unreadable).Read();

  struct sysinfo info;
  ASSERT_EQ(::sysinfo(&info), 0);
  ASSERT_TRUE(sample.memory);
  EXPECT_EQ(sample.memory->total, info.totalram * info.mem_unit);
  EXPECT_EQ(sample.memory->used + sample.memory->available, sample.memory->total);
  ASSERT_TRUE(sample.load);
  EXPECT_GT(sample.load->threads, 1u);
  ASSERT_TRUE(sample.pid_max);
  EXPECT_GT(*sample.pid_max, static_cast<uint64_t>(::getpid()));
  EXPECT_GT(sample.threads_max.value_or(0), 0u);
  EXPECT_GT(sample.open_fds.value_or(0), 0u);
  EXPECT_GT(sample.max_fds.value_or(0), *sample.open_fds);
  EXPECT_FALSE(sample.processes);
  EXPECT_THAT(unreadable.counts(), IsEmpty());
}

TEST(HostReaderTest, EmptyPartsAreCounted) {
  FakeTree tree;
  tree.Write("meminfo", "garbage\n");
  tree.Write("sys/kernel/pid_max", "32768\n");
  tree.Write("vmstat", "nr_free_pages 1\noom_kill 3\n");
  tree.Write("pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n");
  tree.Write("pressure/io", "nonsense\n");
  const RootedReader proc(tree.root());
  Unreadable unreadable;
  const HostSample sample = HostReader(proc, unreadable).Read();
  EXPECT_FALSE(sample.memory);
  EXPECT_FALSE(sample.load);
  EXPECT_FALSE(sample.open_fds);
  EXPECT_EQ(sample.pid_max, 32768u);
  EXPECT_EQ(sample.oom_kills, 3u);
  EXPECT_EQ(sample.pressure, (HostPressure{{{"memory", "some"}, 2.0}}));
  EXPECT_THAT(
      unreadable.counts(),
      UnorderedElementsAre(Pair(Pair("meminfo", "malformed"), 1), Pair(Pair("loadavg", "missing"), 1),
                           Pair(Pair("threads-max", "missing"), 1), Pair(Pair("file-nr", "missing"), 1),
                           Pair(Pair("pressure", "malformed"), 1)));
}

TEST(ReadBootTimeTest, AgreesWithTheClocks) {
  const auto boot = ReadBootTime(RootedReader("/proc"));
  ASSERT_TRUE(boot.ok()) << boot.status();
  timespec now;
  timespec up;
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  EXPECT_LE(std::abs(static_cast<double>(*boot) - static_cast<double>(now.tv_sec - up.tv_sec)), 2);
}

TEST(ReadBootTimeTest, FailsWithoutBtime) {
  FakeTree tree;
  EXPECT_TRUE(absl::IsNotFound(ReadBootTime(RootedReader(tree.root())).status()));
  tree.Write("stat", "btime soon\n");
  EXPECT_TRUE(absl::IsInvalidArgument(ReadBootTime(RootedReader(tree.root())).status()));
}

}  // namespace
}  // namespace agent_exporter::kernel

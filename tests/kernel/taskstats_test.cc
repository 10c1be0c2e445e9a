#include "kernel/taskstats.h"

#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

namespace agent_exporter::kernel {
namespace {

std::string Attribute(int type, const std::string& payload) {
  nlattr head{};
  head.nla_type = static_cast<uint16_t>(type);
  head.nla_len = static_cast<uint16_t>(NLA_HDRLEN + payload.size());
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  bytes += payload;
  bytes.resize(NLA_ALIGN(bytes.size()));
  return bytes;
}

template <typename T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// 1/CONFIG_HZ s.
int64_t SchedulerTick() {
  timespec coarse{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &coarse);
  return coarse.tv_nsec;
}

taskstats Stats() {
  taskstats stats{};
  stats.version = TASKSTATS_VERSION;
  stats.ac_pid = 42;
  stats.ac_ppid = 7;
  stats.cpu_run_virtual_total = 30'000'000;
  stats.ac_utime = 24'000;
  stats.ac_stime = 8'000;
  stats.ac_etime = 50'000;
  stats.cpu_delay_total = 18'000'000;
  stats.hiwater_rss = 1000;
  stats.nvcsw = 1;
  return stats;
}

std::string Task(const taskstats& stats) {
  return Attribute(TASKSTATS_TYPE_AGGR_PID, Attribute(TASKSTATS_TYPE_PID, Bytes(uint32_t{42})) +
                                                Attribute(TASKSTATS_TYPE_STATS, Bytes(stats)));
}

TEST(ParseTaskEnd, OfOneThreadThatSlept) {
  const auto end = ParseTaskEnd(Task(Stats()));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->pid, 42);
  EXPECT_EQ(end->parent, 7);
  EXPECT_EQ(end->cpu, (CpuTimes{22'500'000, 7'500'000}));
  EXPECT_EQ(end->lived_ns, 50'000'000);
  EXPECT_EQ(end->max_resident_bytes, 1'024'000u);
}

TEST(ParseTaskEnd, OneThatNeverSleptRanWheneverItDidNotWait) {
  taskstats stats = Stats();
  stats.nvcsw = 0;
  EXPECT_EQ(ParseTaskEnd(Task(stats))->cpu.total_ns(), 32'000'000);
  // Never less than what is known, nor more than a tick above it.
  stats.ac_etime = 1'000;
  EXPECT_EQ(ParseTaskEnd(Task(stats))->cpu.total_ns(), 30'000'000);
  stats.ac_etime = 5'000'000;
  EXPECT_EQ(ParseTaskEnd(Task(stats))->cpu.total_ns(), 30'000'000 + SchedulerTick());
}

TEST(ParseTaskEnd, NumbersOutOfRangeAreNoUndefinedBehaviour) {
  taskstats stats = Stats();
  stats.nvcsw = 0;
  for (const uint64_t number : {UINT64_MAX, uint64_t{INT64_MAX}, uint64_t{1} << 63}) {
    stats.cpu_run_virtual_total = stats.ac_utime = stats.ac_stime = stats.ac_etime = stats.cpu_delay_total =
        number;
    const auto end = ParseTaskEnd(Task(stats));
    ASSERT_TRUE(end.has_value());
    EXPECT_GE(end->lived_ns, 0);
    EXPECT_GE(end->cpu.user_ns, 0);
    EXPECT_GE(end->cpu.system_ns, 0);
  }
}

TaskEnd Lived(int64_t nanoseconds, uint64_t memory = 0) {
  TaskEnd end;
  end.lived_ns = nanoseconds;
  end.max_resident_bytes = memory;
  return end;
}

TEST(ExitWork, IsTheTimeBetweenTheRecordAndTheEnd) {
  ExitWork work;
  EXPECT_EQ(work.Of(Lived(50'000'000), 50'080'000), 80'000);
  EXPECT_EQ(work.Of(Lived(50'000'000), 49'999'000), 0) << "another clock's rounding";
}

TEST(ExitWork, IsAsUsualWhereItIsNotKnownOrOutOfProportion) {
  ExitWork work;
  for (int i = 0; i < 200; ++i) work.Of(Lived(50'000'000), 50'060'000);
  for (const auto& [end, lived] :
       {std::pair(Lived(0), int64_t{80'000'000}), std::pair(Lived(50'000'000), int64_t{0})}) {
    EXPECT_NEAR(static_cast<double>(work.Of(end, lived)), 60'000, 1'000);
  }
  // Who waits for a CPU, a disk or a debugger meanwhile uses none.
  EXPECT_NEAR(static_cast<double>(work.Of(Lived(50'000'000), 51'000'000)), 60'000, 1'000);
}

TEST(ExitWork, GrowsWithTheMemoryThatIsGivenBack) {
  ExitWork work;
  EXPECT_EQ(work.Of(Lived(50'000'000, 1'000'000'000), 80'000'000), 30'000'000);
  EXPECT_LT(work.Of(Lived(50'000'000, 1'000'000'000), 9'000'000'000), 1'000'000);
}

TEST(ExitWork, WhatIsUsualFollowsTheHost) {
  ExitWork work;
  for (int i = 0; i < 300; ++i) work.Of(Lived(50'000'000), 50'700'000);
  EXPECT_EQ(work.Of(Lived(50'000'000), 54'000'000), 4'000'000) << "a slow machine";
}

TEST(ParseTaskEnd, TheLastThreadTellsOfTheProcess) {
  taskstats together = Stats();
  together.cpu_run_virtual_total = 100'000'000;
  together.hiwater_rss = 0;  // the kernel sums up only delays and times
  const auto end =
      ParseTaskEnd(Task(Stats()) +
                   Attribute(TASKSTATS_TYPE_AGGR_TGID, Attribute(TASKSTATS_TYPE_TGID, Bytes(uint32_t{40})) +
                                                           Attribute(TASKSTATS_TYPE_STATS, Bytes(together))));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->pid, 40);
  EXPECT_EQ(end->cpu, (CpuTimes{75'000'000, 25'000'000}));
  EXPECT_EQ(end->lived_ns, 0) << "the record is one thread's";
  EXPECT_EQ(end->max_resident_bytes, 1'024'000u);
}

TEST(ParseTaskEnd, RefusesMovedFieldsAndWhatIsCut) {
  taskstats stats = Stats();
  stats.ac_pid = 0;
  EXPECT_FALSE(ParseTaskEnd(Task(stats)).has_value());
  stats = Stats();
  stats.version = 2;
  EXPECT_FALSE(ParseTaskEnd(Task(stats)).has_value()) << "knows no peak memory";
  const std::string whole = Task(Stats());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseTaskEnd(whole.substr(0, size)).has_value()) << size;
  }
}

}  // namespace
}  // namespace agent_exporter::kernel

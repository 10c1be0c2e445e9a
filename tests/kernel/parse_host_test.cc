#include "kernel/parse_host.h"

#include <gtest/gtest.h>

namespace agent_exporter::kernel {
namespace {

TEST(ParseMeminfoTest, PrefersMemAvailable) {
  const auto memory =
      ParseMeminfo("MemTotal:       8000 kB\nMemFree:         100 kB\nMemAvailable:   3000 kB\n");
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->total, 8000u * 1024);
  EXPECT_EQ(memory->available, 3000u * 1024);
  EXPECT_EQ(memory->used, 5000u * 1024);
}

TEST(ParseMeminfoTest, OldKernelsHaveOnlyMemFree) {
  EXPECT_EQ(ParseMeminfo("MemTotal: 8000 kB\nMemFree: 100 kB\n")->available, 100u * 1024);
}

TEST(ParseMeminfoTest, RefusesOtherText) {
  for (const char* text :
       {"", "MemTotal: 8000 kB\n", "MemTotal: 8000 kB\nMemFree: 100 kB", "MemTotal: 80\nMemFree: 100 kB\n",
        "MemTotal: 8000 kB\nMemFree: 9 kB\nMemAvailable: x kB\n", "MemTotal: 1 kB\nMemAvailable: 2 kB\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMeminfo(text).status())) << text;
  }
}

TEST(ParseLoadavgTest, ReadsAveragesAndTasks) {
  const auto load = ParseLoadavg("0.24 12.05 100.10 2/188 20264\n");
  ASSERT_TRUE(load.ok());
  EXPECT_DOUBLE_EQ(load->average[0], 0.24);
  EXPECT_DOUBLE_EQ(load->average[1], 12.05);
  EXPECT_DOUBLE_EQ(load->average[2], 100.10);
  EXPECT_EQ(load->threads, 188u);
}

TEST(ParseLoadavgTest, RefusesOtherText) {
  for (const char* text :
       {"", "0.24 0.24 0.10", "0.24 0.24 0.10 2/88", "nan 0.24 0.10 2/88 1\n", "1 2 3 2/88 1\n",
        "0.2 0.24 0.10 2/88 1\n", "-0.24 0.24 0.10 2/88 1\n", "0.24 0.24 0.10 2 88\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseLoadavg(text).status())) << text;
  }
}

constexpr char kPressure[] =
    "some avg10=0.04 avg60=1.57 avg300=1.37 total=10968358\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n";

TEST(ParsePressureTest, TotalsAreSeconds) {
  HostPressure pressure;
  ASSERT_TRUE(ParsePressure(kPressure, "memory", &pressure).ok());
  EXPECT_EQ(pressure, (HostPressure{{{"memory", "some"}, 10.968358}, {{"memory", "full"}, 0.5}}));
}

TEST(ParsePressureTest, AHostHasNoFullCpuPressure) {
  HostPressure pressure;
  ASSERT_TRUE(ParsePressure(kPressure, "cpu", &pressure).ok());
  EXPECT_EQ(pressure.size(), 1u);
  EXPECT_EQ(pressure.count({"cpu", "some"}), 1u);
}

TEST(ParsePressureTest, RefusesOtherText) {
  HostPressure pressure;
  for (const char* text :
       {"", "some total=1", "some avg10=1\n", "most total=1\n", "some total=x\n", "some total=-1\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePressure(text, "io", &pressure))) << text;
  }
}

TEST(ParseFileNrTest, UsedIsAllocatedLessFree) {
  const auto handles = ParseFileNr("453\t3\t2470389\n");
  ASSERT_TRUE(handles.ok());
  EXPECT_EQ(handles->used, 450u);
  EXPECT_EQ(handles->max, 2470389u);
  for (const char* text : {"", "453\t0\n", "453\t0\t24", "1\t2\t3\n", "a\t0\t1\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseFileNr(text).status())) << text;
  }
}

TEST(ParseNumberTest, OneNumberAndNothingElse) {
  EXPECT_EQ(*ParseNumber("32768\n"), 32768u);
  EXPECT_EQ(*ParseNumber("0"), 0u);
  for (const char* text : {"", "\n", "1 \n", "1\n\n", "-1\n", "max\n", "1 2\n", " 1\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseNumber(text).status())) << text;
  }
}

TEST(ParseNumberOrMaxTest, MaxIsNoLimit) {
  EXPECT_EQ(*ParseNumberOrMax("max\n"), std::nullopt);
  EXPECT_EQ(*ParseNumberOrMax("100\n"), 100u);
  EXPECT_TRUE(absl::IsInvalidArgument(ParseNumberOrMax("maximum\n").status()));
}

TEST(ParseKeyedNumberTest, TakesTheKeysOwnLine) {
  constexpr char kText[] = "total_inactive_file 7\ninactive_file 5\nbad x\n";
  EXPECT_EQ(*ParseKeyedNumber(kText, "inactive_file"), 5u);
  EXPECT_EQ(*ParseKeyedNumber(kText, "total_inactive_file"), 7u);
  EXPECT_TRUE(absl::IsNotFound(ParseKeyedNumber(kText, "inactive").status()));
  EXPECT_TRUE(absl::IsNotFound(ParseKeyedNumber("oom_kill 1", "oom_kill").status())) << "cut";
  EXPECT_TRUE(absl::IsInvalidArgument(ParseKeyedNumber(kText, "bad").status()));
}

}  // namespace
}  // namespace agent_exporter::kernel

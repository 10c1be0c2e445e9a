#include "kernel/parse_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {
namespace {

constexpr char kAfterName[] =
    " S 7 8 9 0 -1 4194304 11 1 13 2 250 50 400 100 20 0 3 0 5000 1048576 33 18446744073709551615 1 1 140000 "
    "0 0 0 0 0 "
    "0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

std::string StatText(const std::string& name) { return "42 (" + name + ")" + kAfterName; }

std::string ReadSelf(const std::string& file) {
  std::string buffer;
  return std::string(*RootedReader("/proc").Read("self/" + file, &buffer));
}

TEST(ParseStatTest, ReadsEveryField) {
  ProcessStat stat;
  ASSERT_TRUE(ParseStat(StatText("node"), 100, &stat).ok());
  EXPECT_EQ(stat.key, (ProcessKey{42, 5000}));
  EXPECT_EQ(stat.comm, "node");
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.ppid, 7);
  EXPECT_EQ(stat.session, 9);
  EXPECT_FALSE(stat.kernel_thread);
  EXPECT_EQ(stat.minor_faults, 11u);
  EXPECT_EQ(stat.major_faults, 13u);
  EXPECT_EQ(stat.cpu, (CpuTimes{2'500'000'000, 500'000'000}));
  EXPECT_EQ(stat.children_cpu, (CpuTimes{4'000'000'000, 1'000'000'000}));
  EXPECT_EQ(stat.threads, 3u);
  EXPECT_EQ(stat.virtual_bytes, 1048576u);
  EXPECT_EQ(stat.start_stack, 140000u);
}

TEST(ParseStatTest, TheNameEndsAtTheLastParenthesis) {
  for (const std::string name :
       {"", ")", "(", "a b", ") S 1 1 (", "a)\n2 (b", "\"quoted\\", "\xff\xfe\x80"}) {
    ProcessStat stat;
    ASSERT_TRUE(ParseStat(StatText(name), 100, &stat).ok()) << name;
    EXPECT_EQ(stat.comm, name);
    EXPECT_EQ(stat.ppid, 7);
    EXPECT_EQ(stat.key.start_ticks, 5000u);
  }
}

TEST(ParseStatTest, TicksOfOtherRates) {
  ProcessStat stat;
  ASSERT_TRUE(ParseStat(StatText("x"), 1024, &stat).ok());
  EXPECT_EQ(stat.cpu.user_ns, 250 * 1'000'000'000LL / 1024);
  EXPECT_FALSE(ParseStat(StatText("x"), 0, &stat).ok());
  EXPECT_FALSE(ParseStat(StatText("x"), -1, &stat).ok());
}

TEST(ParseStatTest, CenturiesOfCpuTimeAreRefusedNotWrapped) {
  const auto with_utime = [](const std::string& ticks) {
    std::string text = StatText("x");
    return text.replace(text.find(" 250 "), 5, " " + ticks + " ");
  };
  ProcessStat stat;
  ASSERT_TRUE(ParseStat(with_utime("900000000000"), 100, &stat).ok());
  EXPECT_EQ(stat.cpu.user_ns, 9'000'000'000'000'000'000);
  EXPECT_FALSE(ParseStat(with_utime("930000000000"), 100, &stat).ok());
  EXPECT_FALSE(ParseStat(with_utime("18446744073709551615"), 100, &stat).ok());
  EXPECT_FALSE(ParseStat(with_utime("18446744073709551616"), 100, &stat).ok());
}

TEST(ParseStatTest, KernelThreadsAreKnownByTheirFlag) {
  std::string text = StatText("kthreadd");
  text.replace(text.find("4194304"), 7, "2129984");
  ProcessStat stat;
  ASSERT_TRUE(ParseStat(text, 100, &stat).ok());
  EXPECT_TRUE(stat.kernel_thread);
}

TEST(ParseStatTest, RefusesOtherText) {
  const std::string good = StatText("x");
  const std::vector<std::string> bad = {
      "",
      "\n",
      "42",
      "42 (x",                            // no ')'
      "42 x" + std::string(kAfterName),   // no name
      "x (y)" + std::string(kAfterName),  // no pid
      "0 (y)" + std::string(kAfterName),
      "-1 (y)" + std::string(kAfterName),
      "4294967297 (y)" + std::string(kAfterName),
      "42 (x) S 1 2 3",
      "42 (x)S" + std::string(kAfterName + 2),
      "42 (x) 5" + std::string(kAfterName + 2),
      good.substr(0, good.find(" 140000")),
      good.substr(0, good.find("40000 ")),  // a number that was cut is another number
      good.substr(0, good.find("40000 ") + 5),
  };
  for (const std::string& text : bad) {
    ProcessStat stat;
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStat(text, 100, &stat))) << text;
  }
  for (const std::string field :
       {" 11 ", " 13 ", " 250 ", " 50 ", " 400 ", " 100 ", " 3 ", " 5000 ", " 1048576 "}) {
    for (const std::string value : {"  ", " x ", " -1 ", " 1x ", " 0x1 "}) {
      std::string text = good;
      text.replace(text.find(field), field.size(), value);
      ProcessStat stat;
      EXPECT_TRUE(absl::IsInvalidArgument(ParseStat(text, 100, &stat))) << text;
    }
  }
}

constexpr char kStatus[] =
    "Name:\tVmRSS: 1 kB\nState:\tS (sleeping)\nUid:\t1000\t0\t0\t0\nVmPeak:\t  999 kB\nVmSize:\t   200 kB\n"
    "VmRSS:\t    60 kB\nRssAnon:\t    30 kB\nRssFile:\t    20 kB\nRssShmem:\t    10 kB\nVmSwap:\t     4 kB\n"
    "Threads:\t5\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n";

TEST(ParseStatusTest, ReadsEveryField) {
  const StatusFields fields = ParseStatus(kStatus);
  EXPECT_EQ(fields.virtual_bytes, 200u * 1024);
  EXPECT_EQ(fields.resident_bytes, 60u * 1024);
  EXPECT_EQ(fields.anon_bytes, 30u * 1024);
  EXPECT_EQ(fields.file_bytes, 20u * 1024);
  EXPECT_EQ(fields.shmem_bytes, 10u * 1024);
  EXPECT_EQ(fields.swap_bytes, 4u * 1024);
  EXPECT_EQ(fields.uid, 1000u);
  EXPECT_EQ(fields.threads, 5u);
  EXPECT_EQ(fields.voluntary_switches, 17u);
  EXPECT_EQ(fields.involuntary_switches, 3u);
  EXPECT_FALSE(fields.malformed);
}

TEST(ParseStatusTest, WithoutSwitchesTheMemoryIsTheSame) {
  const StatusFields fields = ParseStatus(kStatus, false);
  EXPECT_EQ(fields.resident_bytes, 60u * 1024);
  EXPECT_EQ(fields.swap_bytes, 4u * 1024);
  EXPECT_EQ(fields.voluntary_switches, std::nullopt);
  EXPECT_FALSE(fields.malformed);
}

TEST(ParseStatusTest, AZombieHasNoMemoryAndThatIsNoFault) {
  const StatusFields fields = ParseStatus("Name:\tx\nState:\tZ (zombie)\nUid:\t0\t0\t0\t0\nThreads:\t1\n");
  EXPECT_EQ(fields.resident_bytes, std::nullopt);
  EXPECT_EQ(fields.threads, 1u);
  EXPECT_FALSE(fields.malformed);
}

TEST(ParseStatusTest, AMalformedFieldIsAbsentAndTheOthersStay) {
  for (const std::string value : {"", " ", " 60", " 60 KB", " -60 kB", " 60 kB 1", " sixty kB", "60 kB"}) {
    const StatusFields fields = ParseStatus("VmSize:\t200 kB\nVmRSS:" + value + "\nThreads:\t5\n");
    EXPECT_EQ(fields.resident_bytes, std::nullopt) << value;
    EXPECT_EQ(fields.virtual_bytes, 200u * 1024);
    EXPECT_EQ(fields.threads, 5u);
    EXPECT_TRUE(fields.malformed);
  }
  EXPECT_EQ(ParseStatus("Uid:\t1 2 3\n").uid, std::nullopt);
  EXPECT_EQ(ParseStatus("Uid:\t4294967296\t0\t0\t0\n").uid, std::nullopt);
  EXPECT_EQ(ParseStatus("Threads:\t12").threads, std::nullopt) << "cut";
  EXPECT_TRUE(ParseStatus("").malformed);
}

TEST(IgnoresSignalTest, ReadsTheMask) {
  const std::string status = "Name:\tx\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000010002\nSigCgt:\t0\n";
  EXPECT_TRUE(IgnoresSignal(status, 17));
  EXPECT_TRUE(IgnoresSignal(status, 2));
  EXPECT_FALSE(IgnoresSignal(status, 1));
  EXPECT_FALSE(IgnoresSignal("Name:\tx\n", 17));
  EXPECT_FALSE(IgnoresSignal("Name:\tx\nSigIgn:\tnonsense\n", 17));
}

TEST(ParseStatmTest, CountsPages) {
  const auto statm = ParseStatm("100 20 10 1 0 30 0\n", 4096);
  ASSERT_TRUE(statm.ok());
  EXPECT_EQ(statm->virtual_bytes, 409600u);
  EXPECT_EQ(statm->resident_bytes, 81920u);
  EXPECT_EQ(statm->shared_bytes, 40960u);
  EXPECT_EQ(ParseStatm("0 0 0 0 0 0 0\n", 4096)->resident_bytes, std::nullopt) << "a zombie";
  for (const char* text : {"", "100", "100 2", "x 20 ", "100 -1 ", "18446744073709551615 1 1\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStatm(text, 4096).status())) << text;
  }
}

TEST(ParseIoTest, TakesStorageBytesOnly) {
  const auto io = ParseIo(
      "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: "
      "5\n");
  ASSERT_TRUE(io.ok());
  EXPECT_EQ(io->read_bytes, 4096u);
  EXPECT_EQ(io->write_bytes, 8192u);
  for (const char* text :
       {"", "read_bytes: 1\n", "read_bytes: 1\nwrite_bytes: 2", "read_bytes: x\nwrite_bytes: 2\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseIo(text).status())) << text;
  }
}

constexpr char kLimits[] =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max processes             772352               772352               processes \n"
    "Max open files            1024                 524288               files     \n"
    "Max address space         unlimited            unlimited            bytes     \n";

TEST(ParseLimitsTest, ReadsSoftLimits) {
  const auto limits = ParseLimits(kLimits);
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ(limits->open_files, 1024u);
  EXPECT_EQ(limits->processes, 772352u);
  EXPECT_EQ(limits->address_space_bytes, std::nullopt);
}

TEST(ParseLimitsTest, AMissingOrMalformedLimitIsNotUnlimited) {
  std::string text = kLimits;
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLimits("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLimits(text.substr(0, text.find("Max open"))).status()));
  text.replace(text.find("1024"), 4, "many");
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLimits(text).status()));
}

TEST(SplitAtNulTest, KeepsEmptyWordsAndACutOne) {
  using testing::ElementsAre;
  EXPECT_THAT(SplitAtNul(std::string_view("a b\0\0c", 6)), ElementsAre("a b", "", "c"));
  EXPECT_THAT(SplitAtNul(std::string_view("a\0", 2)), ElementsAre("a"));
  EXPECT_THAT(SplitAtNul(""), testing::IsEmpty());
}

TEST(ParseCgroupTest, ReadsBothVersions) {
  const auto groups = ParseCgroup("9:name=systemd:/\n4:memory,hugetlb:/a:b/c\n0::/user.slice/x (deleted)\n");
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_FALSE(groups[0].v2);
  EXPECT_FALSE(groups[0].HasController("systemd"));
  EXPECT_EQ(groups[1].path, "/a:b/c");
  EXPECT_TRUE(groups[1].HasController("memory"));
  EXPECT_TRUE(groups[1].HasController("hugetlb"));
  EXPECT_FALSE(groups[1].HasController("mem"));
  EXPECT_TRUE(groups[2].v2);
  EXPECT_EQ(groups[2].path, "/user.slice/x (deleted)");
}

TEST(ParseCgroupTest, LeavesOutWhatIsNoLine) {
  EXPECT_TRUE(ParseCgroup("").empty());
  for (const char* text : {"0::/a", "x::/\n", "0:/\n", "4:memory\n", "4:memory:a\n", "\n"}) {
    EXPECT_TRUE(ParseCgroup(text).empty()) << text;
  }
  const auto groups = ParseCgroup("broken\n4:memory:/a\n0::/cu");
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].path, "/a");
}

// Every prefix of the real texts, and thousands of them with bytes changed. Sanitizers see what a plain build
// does not.
class HostileTextTest : public testing::TestWithParam<const char*> {};

// What any parser makes of `text` must at least be within its contract.
void ParseAsEverything(std::string_view text) {
  ProcessStat stat;
  if (ParseStat(text, 100, &stat).ok()) {
    EXPECT_GT(stat.key.pid, 0);
    EXPECT_GE(stat.cpu.total_ns(), 0);
  }
  const StatusFields status = ParseStatus(text);
  EXPECT_EQ(status.resident_bytes.value_or(0) % 1024, 0u);
  if (const auto statm = ParseStatm(text, 4096); statm.ok() && statm->resident_bytes) {
    EXPECT_EQ(*statm->resident_bytes % 4096, 0u);
  }
  for (const CgroupMembership& group : ParseCgroup(text)) EXPECT_EQ(group.path[0], '/');
  ParseIo(text).IgnoreError();
  ParseLimits(text).IgnoreError();
}

TEST_P(HostileTextTest, CutAtEveryByte) {
  const std::string text = ReadSelf(GetParam());
  for (size_t size = 0; size <= text.size(); ++size) {
    // A copy of exactly this size, so that AddressSanitizer sees a read beyond it.
    const std::vector<char> copy(text.begin(), text.begin() + static_cast<ptrdiff_t>(size));
    ParseAsEverything({copy.data(), copy.size()});
  }
}

TEST_P(HostileTextTest, BytesChanged) {
  const std::string text = ReadSelf(GetParam());
  std::mt19937 random(20240101);
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = text;
    for (unsigned i = 0; i <= round % 4u; ++i)
      changed[random() % changed.size()] = static_cast<char>(random() % 256);
    ParseAsEverything(changed);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HostileTextTest,
                         testing::Values("stat", "status", "statm", "io", "limits", "cgroup"),
                         [](const auto& name) { return std::string(name.param); });

TEST(ParseStatTest, NoCutOfARealTextGivesAnotherFigure) {
  const std::string text = ReadSelf("stat");
  ProcessStat whole;
  ASSERT_TRUE(ParseStat(text, 100, &whole).ok());
  int accepted = 0;
  for (size_t size = 0; size < text.size(); ++size) {
    ProcessStat cut;
    if (!ParseStat(std::string_view(text).substr(0, size), 100, &cut).ok()) continue;
    ++accepted;
    EXPECT_EQ(cut.start_stack, whole.start_stack);
    EXPECT_EQ(cut.key, whole.key);
    EXPECT_EQ(cut.cpu, whole.cpu);
  }
  EXPECT_GT(accepted, 0) << "fields after the 28th are not needed";
}

}  // namespace
}  // namespace agent_exporter::kernel

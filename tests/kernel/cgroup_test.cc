#include "kernel/cgroup.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/process_files.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Resource = CgroupLimit::Resource;
using Row = std::tuple<Resource, bool, std::string, uint64_t, uint64_t>;

std::vector<Row> Rows(const std::vector<CgroupLimit>& limits) {
  std::vector<Row> rows;
  for (const CgroupLimit& limit : limits) {
    rows.emplace_back(limit.resource, limit.ancestor, limit.path, limit.limit, limit.used);
  }
  return rows;
}

std::vector<Row> Limits(const FakeTree& tree, std::string_view membership) {
  const RootedReader root(tree.root());
  return Rows(CgroupReader(root).Limits(membership));
}

void WriteV2(const FakeTree& tree, const std::string& group, const std::string& memory_max,
             const std::string& pids_max) {
  tree.Write(group + "/memory.max", memory_max + "\n");
  tree.Write(group + "/memory.current", "1000\n");
  tree.Write(group + "/memory.stat", "anon 1\ninactive_file 291\nactive_file 9\n");
  tree.Write(group + "/pids.max", pids_max + "\n");
  tree.Write(group + "/pids.current", "12\n");
}

TEST(CgroupReaderTest, V2FromTheOwnGroupUpToTheRoot) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory pids\n");
  WriteV2(tree, "a/b", "2000", "max");
  WriteV2(tree, "a", "max", "100");
  WriteV2(tree, ".", "9000", "max");
  EXPECT_THAT(Limits(tree, "0::/a/b\n"), ElementsAre(Row(Resource::kMemory, false, "/a/b", 2000, 700),
                                                     Row(Resource::kMemory, true, "/", 9000, 700),
                                                     Row(Resource::kPids, true, "/a", 100, 12)));
}

TEST(CgroupReaderTest, AProcessInTheRootGroupHasItAsItsOwn) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory pids\n");
  WriteV2(tree, ".", "9000", "max");
  EXPECT_THAT(Limits(tree, "0::/\n"), ElementsAre(Row(Resource::kMemory, false, "/", 9000, 700)));
}

TEST(CgroupReaderTest, HybridHostsHaveV2InUnified) {
  FakeTree tree;
  WriteV2(tree, "unified/a", "2000", "max");
  EXPECT_THAT(Limits(tree, "4:memory:/\n0::/a\n"),
              ElementsAre(Row(Resource::kMemory, false, "/a", 2000, 700)));
}

TEST(CgroupReaderTest, V1WhereverItsControllersAreMounted) {
  FakeTree tree;
  tree.Write("memory,hugetlb/a/memory.limit_in_bytes", "5000\n");
  tree.Write("memory,hugetlb/a/memory.usage_in_bytes", "1000\n");
  tree.Write("memory,hugetlb/a/memory.stat",
             "inactive_file 1\ntotal_inactive_file 380\ntotal_active_file 20\n");
  tree.Write("memory,hugetlb/memory.limit_in_bytes", "9223372036854771712\n");
  tree.Write("memory,hugetlb/memory.usage_in_bytes", "1000\n");
  tree.Write("memory,hugetlb/memory.stat", "total_inactive_file 400\ntotal_active_file 0\n");
  tree.Write("pids/p/pids.max", "50\n");
  tree.Write("pids/p/pids.current", "7\n");
  EXPECT_THAT(
      Limits(tree, "5:memory,hugetlb:/a\n8:pids:/p/q\n1:name=systemd:/a\n"),
      ElementsAre(Row(Resource::kMemory, false, "/a", 5000, 600), Row(Resource::kPids, true, "/p", 50, 7)));
}

TEST(CgroupReaderTest, CacheCountsWhileItIsDirtyOrWrittenBack) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory\n");
  WriteV2(tree, "a", "2000", "max");
  tree.Write("a/memory.stat", "inactive_file 300\nactive_file 500\nfile_dirty 60\nfile_writeback 40\n");
  EXPECT_THAT(Limits(tree, "0::/a\n"), ElementsAre(Row(Resource::kMemory, false, "/a", 2000, 300)));
}

TEST(CgroupReaderTest, MemoryHighAndSwapAreLimitsToo) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory\n");
  WriteV2(tree, "a", "max", "max");
  tree.Write("a/memory.high", "900\n");
  tree.Write("a/memory.swap.max", "50\n");
  const RootedReader root(tree.root());
  std::vector<CgroupLimit> limits = CgroupReader(root).Limits("0::/a\n");
  ASSERT_EQ(limits.size(), 1u) << "swap without a limit of memory ends nothing";
  EXPECT_EQ(limits[0].kind, CgroupLimit::Kind::kHigh);
  EXPECT_EQ(limits[0].limit, 900u);
  EXPECT_EQ(limits[0].used, 700u);

  tree.Write("a/memory.max", "2000\n");
  tree.Write("a/memory.swap.current", "30\n");
  limits = CgroupReader(root).Limits("0::/a\n");
  ASSERT_EQ(limits.size(), 3u);
  EXPECT_EQ(limits[0].kind, CgroupLimit::Kind::kMax);
  EXPECT_EQ(limits[2].kind, CgroupLimit::Kind::kSwap);
  EXPECT_EQ(limits[2].limit, 2050u);
  EXPECT_EQ(limits[2].used, 730u);
}

TEST(CgroupReaderTest, SwapOfV1HasMemoryInIt) {
  FakeTree tree;
  tree.Write("memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  tree.Write("memory/a/memory.usage_in_bytes", "1000\n");
  tree.Write("memory/a/memory.stat", "total_inactive_file 400\ntotal_active_file 0\n");
  tree.Write("memory/a/memory.memsw.limit_in_bytes", "3000\n");
  tree.Write("memory/a/memory.memsw.usage_in_bytes", "1500\n");
  const RootedReader root(tree.root());
  const std::vector<CgroupLimit> limits = CgroupReader(root).Limits("4:memory:/a\n");
  ASSERT_EQ(limits.size(), 1u);
  EXPECT_EQ(limits[0].kind, CgroupLimit::Kind::kSwap);
  EXPECT_EQ(limits[0].limit, 3000u);
  EXPECT_EQ(limits[0].used, 1100u);
}

TEST(CgroupReaderTest, WhatCannotBeReadIsLeftOut) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory\n");
  EXPECT_THAT(Limits(tree, "0::/gone\n"), IsEmpty());
  WriteV2(tree, "a", "many", "-5");
  EXPECT_THAT(Limits(tree, "0::/a\n"), IsEmpty());
  WriteV2(tree, "a", "2000", "max");
  tree.Write("a/memory.stat", "anon 1\n");
  EXPECT_THAT(Limits(tree, "0::/a\n"), IsEmpty());
  EXPECT_THAT(Limits(tree, "garbage"), IsEmpty());
}

TEST(CgroupReaderTest, NeverLeavesItsRoot) {
  FakeTree tree;
  tree.Write("inside/cgroup.controllers", "memory\n");
  WriteV2(tree, "outside", "2000", "max");
  const RootedReader root(tree.root() + "/inside");
  EXPECT_THAT(CgroupReader(root).Limits("0::/../outside\n"), IsEmpty());
  EXPECT_THAT(CgroupReader(root).Limits("0::/..\n"), IsEmpty());
}

TEST(CgroupReaderTest, UseNeverGoesBelowZero) {
  FakeTree tree;
  WriteV2(tree, "unified/a", "2000", "max");
  tree.Write("unified/a/memory.current", "100\n");
  EXPECT_THAT(Limits(tree, "0::/a\n"), ElementsAre(Row(Resource::kMemory, false, "/a", 2000, 0)));
}

// A real group made for one test below `parent`; it goes with its object.
class RealGroup {
 public:
  explicit RealGroup(const std::string& parent)
      : path_(parent + "/agent_exporter_test_" + std::to_string(::getpid())) {
    made_ = ::mkdir(path_.c_str(), 0755) == 0;
  }
  ~RealGroup() {
    if (made_) ::rmdir(path_.c_str());
  }
  bool made() const { return made_; }
  const std::string& path() const { return path_; }
  bool Write(const std::string& file, const std::string& text) const {
    std::ofstream out(path_ + "/" + file);
    out << text << std::flush;
    return out.good();
  }

 private:
  std::string path_;
  bool made_ = false;
};

TEST(CgroupReaderTest, RealV1Groups) {
  RealGroup memory("/sys/fs/cgroup/memory");
  RealGroup pids("/sys/fs/cgroup/pids");
  if (!memory.made() || !pids.made()) GTEST_SKIP() << "no v1 controllers that this user may write to";
  ChildProcess child;
  const std::string pid = std::to_string(child.pid());
  ASSERT_TRUE(memory.Write("memory.limit_in_bytes", "67108864"));
  ASSERT_TRUE(pids.Write("pids.max", "33"));
  ASSERT_TRUE(memory.Write("cgroup.procs", pid));
  ASSERT_TRUE(pids.Write("cgroup.procs", pid));

  const RootedReader proc("/proc");
  const RootedReader root("/sys/fs/cgroup");
  const auto membership = ProcessFiles(proc).Cgroup(child.pid());
  ASSERT_TRUE(membership.ok());
  std::vector<CgroupLimit> own;
  for (const CgroupLimit& limit : CgroupReader(root).Limits(*membership)) {
    if (!limit.ancestor) own.push_back(limit);
  }
  ASSERT_EQ(own.size(), 2u);
  const std::string name = "/agent_exporter_test_" + std::to_string(::getpid());
  for (const CgroupLimit& limit : own) {
    EXPECT_EQ(limit.path, name);
    if (limit.resource == Resource::kMemory) {
      EXPECT_EQ(limit.limit, 67108864u);
      EXPECT_LT(limit.used, limit.limit);
    } else {
      EXPECT_EQ(limit.limit, 33u);
      EXPECT_EQ(limit.used, 1u);
    }
  }
  child.KillAndReap();
}

std::optional<uint64_t> OomKills(const FakeTree& tree, std::string_view membership) {
  const RootedReader root(tree.root());
  const auto kills = CgroupReader(root).OomKills(membership);
  return kills ? std::optional(kills->count) : std::nullopt;
}

TEST(CgroupOomKillsTest, V2PrefersTheGroupsOwn) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory\n");
  tree.Write("a/memory.events", "oom 1\noom_kill 5\n");
  EXPECT_EQ(OomKills(tree, "0::/a\n"), 5u);
  tree.Write("a/memory.events.local", "oom 1\noom_kill 2\n");
  EXPECT_EQ(OomKills(tree, "0::/a\n"), 2u);
}

TEST(CgroupOomKillsTest, V1AlsoWhereBothAreMounted) {
  FakeTree tree;
  tree.MakeDirectory("unified/a");
  tree.Write("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  EXPECT_EQ(OomKills(tree, "4:memory:/a\n1:cpu:/\n0::/a\n"), 3u);
}

TEST(CgroupOomKillsTest, AGroupThatDoesNotTellIsUnknown) {
  FakeTree tree;
  tree.Write("cgroup.controllers", "memory\n");
  tree.Write("memory.stat", "anon 1\n");
  EXPECT_EQ(OomKills(tree, "0::/\n"), std::nullopt);
  EXPECT_EQ(OomKills(tree, "0::/../b\n"), std::nullopt);
  EXPECT_EQ(OomKills(tree, "nonsense"), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::kernel

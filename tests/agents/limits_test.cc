#include "agents/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kernel/host.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::agents {
namespace {

using Resource = ResourceUse::Resource;
using UseScope = ResourceUse::Scope;
using Source = ResourceUse::Source;

// The text of /proc/<pid>/limits with these soft limits.
std::string Limits(const std::string& files, const std::string& space = "unlimited",
                   const std::string& processes = "unlimited") {
  const auto row = [](std::string name, std::string soft, const std::string& unit) {
    name.resize(26, ' ');
    soft.resize(21, ' ');
    return name + soft + "unlimited            " + unit + " \n";
  };
  return "Limit                     Soft Limit           Hard Limit           Units     \n" +
         row("Max processes", processes, "processes") + row("Max open files", files, "files    ") +
         row("Max address space", space, "bytes    ");
}

class LimitBookTest : public testing::Test {
 protected:
  // A process of one agent, seen through ReadProcess as the observer does it.
  ProcessSample Process(pid_t pid, Role role, const kernel::ProcessUsage& usage, uint32_t threads = 1) {
    ProcessSample process;
    process.key = {pid, 1};
    process.role = role;
    process.state = 'S';
    process.threads = threads;
    process.usage = usage;
    book_.ReadProcess(process, now_);
    return process;
  }
  AgentSample Tightest(std::vector<ProcessSample> processes) {
    AgentSample agent;
    agent.processes = std::move(processes);
    book_.Tightest(agent, host_, now_);
    return agent;
  }
  static const ResourceUse* Find(const AgentSample& agent, UseScope scope, Resource resource) {
    const ResourceUse* found = nullptr;
    for (const ResourceUse& use : agent.resources) {
      if (use.scope != scope || use.resource != resource) continue;
      EXPECT_EQ(found, nullptr) << "only the tightest is kept";
      found = &use;
    }
    return found;
  }
  // Gives what is written so far to somebody who is not root.
  void GiveToAUser() {
    if (::geteuid() != 0) return;  // it is
    for (const auto& entry : std::filesystem::recursive_directory_iterator(tree_.root())) {
      ASSERT_EQ(::chown(entry.path().c_str(), 12345, 12345), 0);
    }
  }
  void WriteCgroup(const std::string& group, const std::string& pids_max, const std::string& pids_current) {
    cgroup_tree_.Write("cgroup.controllers", "memory pids\n");
    cgroup_tree_.Write(group + "/pids.max", pids_max + "\n");
    cgroup_tree_.Write(group + "/pids.current", pids_current + "\n");
  }

  AgentSample agent_;
  kernel::FakeTree tree_, cgroup_tree_;
  kernel::RootedReader proc_{tree_.root()}, cgroup_root_{cgroup_tree_.root()};
  kernel::ProcessFiles files_{proc_};
  kernel::CgroupReader cgroups_{cgroup_root_};
  kernel::Unreadable unreadable_;
  kernel::SharedUseReader shared_{proc_};
  LimitBook book_{files_, cgroups_, shared_, unreadable_};
  kernel::HostSample host_;
  double now_ = 1000;
};

void ExpectUse(const ResourceUse* use, Source source, uint64_t used, uint64_t limit) {
  ASSERT_NE(use, nullptr);
  EXPECT_EQ(use->source, source);
  EXPECT_EQ(use->used, used);
  EXPECT_EQ(use->limit, limit);
}

TEST_F(LimitBookTest, RlimitAgainstHostTheFullerWins) {
  tree_.Write("7/limits", Limits("1000"));
  host_.max_fds = 5000;
  ExpectUse(Find(Tightest({Process(7, Role::kRoot, {.open_fds = 100})}), UseScope::kSelf, Resource::kFds),
            Source::kRlimit, 100, 1000);
  host_.max_fds = 500;
  ExpectUse(Find(Tightest({Process(7, Role::kRoot, {.open_fds = 100})}), UseScope::kSelf, Resource::kFds),
            Source::kHost, 100, 500);
}

TEST_F(LimitBookTest, FdsOfATreeAreThoseOfTheProcessNearestItsOwnLimit) {
  tree_.Write("7/limits", Limits("1000"));
  tree_.Write("8/limits", Limits("64"));
  tree_.Write("9/limits", Limits("1000"));
  const AgentSample agent =
      Tightest({Process(7, Role::kRoot, {.open_fds = 100}), Process(8, Role::kDescendant, {.open_fds = 32}),
                Process(9, Role::kDescendant, {.open_fds = 300})});
  ExpectUse(Find(agent, UseScope::kTree, Resource::kFds), Source::kRlimit, 32, 64);
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kFds), Source::kRlimit, 100, 1000);
}

TEST_F(LimitBookTest, AddressSpaceIsSetAgainstVirtualMemory) {
  tree_.Write("7/limits", Limits("1000", "4000"));
  host_.memory = kernel::HostMemory{.total = 10000, .available = 9000, .used = 1000};
  ExpectUse(Find(Tightest({Process(7, Role::kRoot, {.resident_bytes = 500, .virtual_bytes = 3000})}),
                 UseScope::kSelf, Resource::kMemory),
            Source::kRlimit, 3000, 4000);
}

TEST_F(LimitBookTest, TasksCountAgainstTheUsersLimit) {
  tree_.Write("7/limits", Limits("1000", "unlimited", "50"));
  tree_.Write("8/limits", Limits("1000"));
  GiveToAUser();
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {}, 3), Process(8, Role::kDescendant, {}, 4)});
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kPids), Source::kRlimit, 3, 50);
  ExpectUse(Find(agent, UseScope::kTree, Resource::kPids), Source::kRlimit, 7, 50);
}

TEST_F(LimitBookTest, AllTasksOfTheUserCountWhereTheyMayBeMany) {
  tree_.Write("7/limits", Limits("1000", "unlimited", "50"));
  for (const char* thread : {"7/task/7", "7/task/8", "9/task/9", "9/task/10", "9/task/11"}) {
    tree_.MakeDirectory(thread);
  }
  GiveToAUser();
  tree_.MakeDirectory("12/task/12");  // root's, or ours where all are
  const uint64_t tasks = ::geteuid() == 0 ? 5 : 6;
  const auto of_tree = [this] {
    return *Find(Tightest({Process(7, Role::kRoot, {}, 2)}), UseScope::kTree, Resource::kPids);
  };
  host_.load = kernel::HostLoad{.threads = 25};  // less than half of 50: nobody counts
  EXPECT_EQ(of_tree().used, 2u);
  host_.load->threads = 26;
  EXPECT_EQ(of_tree().used, tasks);
  GiveToAUser();
  now_ += 29;
  EXPECT_EQ(of_tree().used, tasks);
  now_ += 1;
  EXPECT_EQ(of_tree().used, 6u);
}

TEST_F(LimitBookTest, NoTaskLimitStopsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has files that are root's";
  tree_.Write("7/limits", Limits("1000", "unlimited", "50"));
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {}, 3)});
  EXPECT_EQ(Find(agent, UseScope::kSelf, Resource::kPids), nullptr);
  EXPECT_EQ(Find(agent, UseScope::kTree, Resource::kPids), nullptr);
}

TEST_F(LimitBookTest, TerminalsOfTheHostCountFromATenthOn) {
  tree_.Write("7/limits", Limits("1000"));
  tree_.Write("sys/kernel/pty/max", "4096\n");
  tree_.Write("sys/kernel/pty/nr", "409\n");
  const auto ptys = [this] {
    return Find(agent_ = Tightest({Process(7, Role::kRoot, {})}), UseScope::kTree, Resource::kPtys);
  };
  EXPECT_EQ(ptys(), nullptr);
  tree_.Write("sys/kernel/pty/nr", "3000\n");
  now_ += 60;
  ExpectUse(ptys(), Source::kHost, 3000, 4096);
  tree_.Write("sys/kernel/pty/nr", "3001\n");  // above half full it is read at each look
  ExpectUse(ptys(), Source::kHost, 3001, 4096);
}

TEST_F(LimitBookTest, TheHostsSmallerTaskLimitCounts) {
  tree_.Write("7/limits", Limits("1000"));
  host_.pid_max = 4000;
  host_.threads_max = 300;
  ExpectUse(Find(Tightest({Process(7, Role::kRoot, {}, 3)}), UseScope::kTree, Resource::kPids), Source::kHost,
            3, 300);
}

TEST_F(LimitBookTest, ACgroupCountsAllThatIsChargedToItForTheTree) {
  tree_.Write("7/limits", Limits("1000"));
  tree_.Write("7/cgroup", "0::/box\n");
  WriteCgroup("box", "100", "40");
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {}, 3)});
  ExpectUse(Find(agent, UseScope::kTree, Resource::kPids), Source::kCgroup, 40, 100);
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kPids), Source::kCgroup, 3, 100);
  EXPECT_EQ(agent.cgroup_pids_headroom, 60u);
}

// Of a memory group: what it uses that the kernel cannot take back.
void WriteMemory(const kernel::FakeTree& tree, const std::string& group, const std::string& max,
                 const std::string& current) {
  tree.Write("cgroup.controllers", "memory pids\n");
  tree.Write(group + "/memory.max", max + "\n");
  tree.Write(group + "/memory.current", current + "\n");
  tree.Write(group + "/memory.stat", "inactive_file 0\nactive_file 0\n");
}

TEST_F(LimitBookTest, EachRootStandsAgainstItsOwnGroupAndTheFullestIsShown) {
  tree_.Write("7/cgroup", "0::/a\n");
  tree_.Write("8/cgroup", "0::/b\n");
  WriteMemory(cgroup_tree_, "a", "512", "310");
  WriteMemory(cgroup_tree_, "b", "512", "350");
  const AgentSample agent = Tightest(
      {Process(7, Role::kRoot, {.resident_bytes = 300}), Process(8, Role::kRoot, {.resident_bytes = 310})});
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kMemory), Source::kCgroup, 310, 512);
  EXPECT_EQ(Find(agent, UseScope::kSelf, Resource::kMemory)->holder.pid, 8);
  ExpectUse(Find(agent, UseScope::kTree, Resource::kMemory), Source::kCgroup, 350, 512);
}

TEST_F(LimitBookTest, MemoryHighIsTheLimitWhereItIsTheTightest) {
  tree_.Write("7/cgroup", "0::/a\n");
  WriteMemory(cgroup_tree_, "a", "1000", "700");
  cgroup_tree_.Write("a/memory.high", "800\n");
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {.resident_bytes = 600})});
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kMemory), Source::kCgroupHigh, 600, 800);
  ExpectUse(Find(agent, UseScope::kTree, Resource::kMemory), Source::kCgroupHigh, 700, 800);
}

TEST_F(LimitBookTest, OnTheHostCountsWhatIsLeft) {
  host_.memory = kernel::HostMemory{.total = 10000, .available = 300, .used = 9700, .swap_free = 100};
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {.resident_bytes = 600}),
                                      Process(8, Role::kDescendant, {.resident_bytes = 200})});
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kMemory), Source::kHost, 600, 1000);
  ExpectUse(Find(agent, UseScope::kTree, Resource::kMemory), Source::kHost, 800, 1200);
}

TEST_F(LimitBookTest, NodeDiesAtItsHeapsLimit) {
  tree_.Write("7/cmdline", std::string("node\0--max-old-space-size=1\0a.js\0", 34));
  host_.memory = kernel::HostMemory{.total = 1 << 30, .available = 1 << 29, .used = 1 << 29};
  ProcessSample process;
  process.key = {7, 1};
  process.role = Role::kRoot;
  process.comm = "node";
  process.state = 'S';
  process.usage = {.resident_bytes = 900 << 10, .anon_bytes = 700 << 10};
  book_.ReadProcess(process, now_);
  ExpectUse(Find(Tightest({process}), UseScope::kSelf, Resource::kMemory), Source::kV8Heap, 700 << 10,
            1 << 20);
}

TEST_F(LimitBookTest, InotifyIsALimitOfTheUser) {
  tree_.Write("sys/fs/inotify/max_user_instances", "10\n");
  tree_.Write("7/limits", Limits("1000"));
  tree_.Link("99/fd/3", "anon_inode:inotify");  // the user's, and nobody's agent
  const auto used = [this] {
    const AgentSample agent = Tightest({Process(7, Role::kRoot, {.open_fds = 5})});
    const ResourceUse* use = Find(agent, UseScope::kTree, Resource::kInotifyInstances);
    return use == nullptr ? 0 : use->used;
  };
  EXPECT_EQ(used(), 1u);
  for (const char* fd : {"4", "5", "6", "7", "8"})
    tree_.Link(std::string("99/fd/") + fd, "anon_inode:inotify");
  now_ += 299;
  EXPECT_EQ(used(), 1u) << "read seldom";
  now_ += 1;
  EXPECT_EQ(used(), 6u);
  tree_.Remove("99/fd/4");
  now_ += 30;
  EXPECT_EQ(used(), 5u) << "sooner above half full";
}

TEST_F(LimitBookTest, ChildrenAreWatchedFromATenthOfTheirLimit) {
  for (const char* pid : {"7", "8", "9"}) tree_.Write(std::string(pid) + "/limits", Limits("1000"));
  const AgentSample agent =
      Tightest({Process(7, Role::kRoot, {.open_fds = 5}), Process(8, Role::kDescendant, {.open_fds = 99}),
                Process(9, Role::kDescendant, {.open_fds = 101})});
  std::vector<pid_t> holders;
  for (const ResourceUse& use : agent.holdings) {
    if (use.resource == Resource::kFds) holders.push_back(use.holder.pid);
  }
  EXPECT_THAT(holders, testing::ElementsAre(7, 9));
}

TEST_F(LimitBookTest, AnAncestorThatIsFullerWins) {
  tree_.Write("7/limits", Limits("1000"));
  tree_.Write("7/cgroup", "0::/outer/inner\n");
  WriteCgroup("outer/inner", "100", "10");
  WriteCgroup("outer", "60", "48");
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {}, 3)});
  ExpectUse(Find(agent, UseScope::kTree, Resource::kPids), Source::kCgroupAncestor, 48, 60);
  EXPECT_EQ(agent.cgroup_pids_headroom, 12u);
}

TEST_F(LimitBookTest, UnreadableUseLeavesTheResourceOut) {
  tree_.Write("7/limits", Limits("1000"));
  host_.max_fds = 5000;
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {})});
  EXPECT_EQ(Find(agent, UseScope::kSelf, Resource::kFds), nullptr);
  EXPECT_EQ(Find(agent, UseScope::kTree, Resource::kFds), nullptr);
}

TEST_F(LimitBookTest, MalformedLimitsAreUnknownAndCounted) {
  tree_.Write("7/limits", "nonsense\n");
  const ProcessSample process = Process(7, Role::kRoot, {.open_fds = 1});
  EXPECT_FALSE(process.limits_known);
  EXPECT_EQ(process.limits.open_files, std::nullopt);
  EXPECT_EQ(unreadable_.counts().at({"limits", "malformed"}), 1u);
}

TEST_F(LimitBookTest, AProcessThatWentIsNoError) {
  EXPECT_FALSE(Process(7, Role::kRoot, {.open_fds = 1}).limits_known);
  EXPECT_THAT(unreadable_.counts(), testing::IsEmpty());
}

TEST_F(LimitBookTest, AnAgentWithoutProcessesOrOfZombiesHasNoSelf) {
  host_.max_fds = 5000;
  EXPECT_THAT(Tightest({}).resources, testing::IsEmpty());
  ProcessSample zombie;
  zombie.role = Role::kRoot;
  zombie.state = 'Z';
  EXPECT_EQ(Find(Tightest({zombie}), UseScope::kSelf, Resource::kFds), nullptr);
}

TEST_F(LimitBookTest, AZombieIsATaskAndNothingElse) {
  tree_.Write("7/limits", Limits("1000", "unlimited", "50"));
  GiveToAUser();
  ProcessSample zombie;
  zombie.key = {8, 1};
  zombie.state = 'Z';
  zombie.threads = 0;
  const AgentSample agent =
      Tightest({Process(7, Role::kRoot, {.open_fds = 20}, 3), zombie, zombie, zombie, zombie});
  ExpectUse(Find(agent, UseScope::kTree, Resource::kPids), Source::kRlimit, 7, 50);
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kPids), Source::kRlimit, 3, 50);
  ExpectUse(Find(agent, UseScope::kTree, Resource::kFds), Source::kRlimit, 20, 1000);
}

TEST_F(LimitBookTest, LimitsAreReadOnceAMinute) {
  tree_.Write("7/limits", Limits("1000"));
  Process(7, Role::kRoot, {.open_fds = 10});
  tree_.Write("7/limits", Limits("2000"));
  now_ += 59;
  EXPECT_EQ(Process(7, Role::kRoot, {.open_fds = 500}).limits.open_files, 1000u);
  now_ += 1;
  EXPECT_EQ(Process(7, Role::kRoot, {.open_fds = 10}).limits.open_files, 2000u);
}

TEST_F(LimitBookTest, LimitsAreReadAtOnceAboveHalfFull) {
  tree_.Write("7/limits", Limits("1000"));
  Process(7, Role::kRoot, {.open_fds = 10});
  tree_.Write("7/limits", Limits("2000"));
  now_ += 1;
  EXPECT_EQ(Process(7, Role::kRoot, {.open_fds = 501}).limits.open_files, 2000u);
}

TEST_F(LimitBookTest, AForgottenProcessIsReadAnew) {
  tree_.Write("7/limits", Limits("1000"));
  Process(7, Role::kRoot, {.open_fds = 10});
  tree_.Write("7/limits", Limits("2000"));
  book_.Forget({7, 1});
  EXPECT_EQ(Process(7, Role::kRoot, {.open_fds = 10}).limits.open_files, 2000u);
}

TEST_F(LimitBookTest, CgroupsAreReadOnceAMinuteSoonerAboveHalfFull) {
  tree_.Write("7/limits", Limits("1000"));
  tree_.Write("7/cgroup", "0::/box\n");
  const auto used = [this] {
    return Find(Tightest({Process(7, Role::kRoot, {})}), UseScope::kTree, Resource::kPids)->used;
  };
  WriteCgroup("box", "100", "40");
  EXPECT_EQ(used(), 40u);
  WriteCgroup("box", "100", "60");
  now_ += 59;
  EXPECT_EQ(used(), 40u);
  now_ += 1;
  EXPECT_EQ(used(), 60u);
  WriteCgroup("box", "100", "90");
  now_ += 1;
  EXPECT_EQ(used(), 90u);
}

// A control group of v1 that goes with its object; made() is false where this user may not have one.
class V1Group {
 public:
  explicit V1Group(const std::string& controller)
      : path_("/sys/fs/cgroup/" + controller + "/agent_exporter_limits_" + std::to_string(::getpid())),
        made_(std::filesystem::exists("/sys/fs/cgroup/" + controller + "/tasks") &&
              ::mkdir(path_.c_str(), 0755) == 0) {}
  ~V1Group() {
    // The kernel lets go of a killed member a moment after it was reaped.
    while (made_ && ::rmdir(path_.c_str()) != 0 && errno == EBUSY) ::usleep(1000);
  }
  bool made() const { return made_; }
  bool Write(const std::string& file, const std::string& value) const {
    return static_cast<bool>(std::ofstream(path_ + "/" + file) << value << std::flush);
  }

 private:
  std::string path_;
  bool made_;
};

TEST(LimitBook, RealControlGroupsAreTheTightest) {
  const V1Group memory("memory"), pids("pids");
  if (!memory.made() || !pids.made()) GTEST_SKIP() << "needs writable v1 memory and pids controllers";
  kernel::ChildProcess child;
  const std::string pid = std::to_string(child.pid());
  ASSERT_TRUE(memory.Write("memory.limit_in_bytes", "67108864"));
  ASSERT_TRUE(pids.Write("pids.max", "12"));
  ASSERT_TRUE(memory.Write("cgroup.procs", pid));
  ASSERT_TRUE(pids.Write("cgroup.procs", pid));

  const kernel::RootedReader proc("/proc"), cgroup_root("/sys/fs/cgroup");
  kernel::ProcessFiles files(proc);
  kernel::CgroupReader cgroups(cgroup_root);
  kernel::Unreadable unreadable;
  kernel::SharedUseReader shared(proc);
  LimitBook book(files, cgroups, shared, unreadable);
  const kernel::HostSample host = kernel::HostReader(proc, unreadable).Read();

  ProcessSample process;
  process.key = {child.pid(), 1};
  process.role = Role::kRoot;
  process.state = 'S';
  process.threads = 1;
  process.usage.resident_bytes = 1 << 20;
  process.usage.open_fds = 3;
  book.ReadProcess(process, 1);
  ASSERT_TRUE(process.limits_known);
  EXPECT_TRUE(process.limits.open_files.has_value());
  AgentSample agent;
  agent.processes = {process};
  book.Tightest(agent, host, 1);

  for (const ResourceUse& use : agent.resources) {
    // What the child had touched before it was moved stays charged to its old group.
    if (use.resource == Resource::kFds || (use.resource == Resource::kMemory && use.scope == UseScope::kTree))
      continue;
    EXPECT_EQ(use.source, Source::kCgroup);
    EXPECT_EQ(use.limit, use.resource == Resource::kMemory ? 67108864u : 12u);
    if (use.scope == UseScope::kSelf) {
      EXPECT_EQ(use.used, use.resource == Resource::kMemory ? 1u << 20 : 1u);
    }
    if (use.resource == Resource::kPids) {
      EXPECT_EQ(use.used, 1u);
    }
  }
  EXPECT_EQ(agent.resources.size(), 6u);
  EXPECT_EQ(agent.cgroup_pids_headroom, 11u);
}

}  // namespace
}  // namespace agent_exporter::agents

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
  void WriteCgroup(const std::string& group, const std::string& pids_max, const std::string& pids_current) {
    cgroup_tree_.Write("cgroup.controllers", "memory pids\n");
    cgroup_tree_.Write(group + "/pids.max", pids_max + "\n");
    cgroup_tree_.Write(group + "/pids.current", pids_current + "\n");
  }

  kernel::FakeTree tree_, cgroup_tree_;
  kernel::RootedReader proc_{tree_.root()}, cgroup_root_{cgroup_tree_.root()};
  kernel::ProcessFiles files_{proc_};
  kernel::CgroupReader cgroups_{cgroup_root_};
  kernel::Unreadable unreadable_;
  LimitBook book_{files_, cgroups_, unreadable_};
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
  host_.memory = kernel::HostMemory{.total = 10000, .available = 1, .used = 1};
  ExpectUse(Find(Tightest({Process(7, Role::kRoot, {.resident_bytes = 500, .virtual_bytes = 3000})}),
                 UseScope::kSelf, Resource::kMemory),
            Source::kRlimit, 3000, 4000);
}

TEST_F(LimitBookTest, TasksCountAgainstTheUsersLimit) {
  tree_.Write("7/limits", Limits("1000", "unlimited", "50"));
  tree_.Write("8/limits", Limits("1000"));
  const AgentSample agent = Tightest({Process(7, Role::kRoot, {}, 3), Process(8, Role::kDescendant, {}, 4)});
  ExpectUse(Find(agent, UseScope::kSelf, Resource::kPids), Source::kRlimit, 3, 50);
  ExpectUse(Find(agent, UseScope::kTree, Resource::kPids), Source::kRlimit, 7, 50);
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
  LimitBook book(files, cgroups, unreadable);
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

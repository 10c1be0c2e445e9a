#include "agents/descriptor_look.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/kernel/child_process.h"

namespace agent_exporter::agents {
namespace {

using kernel::DescriptorKind;

ProcessSample Running(pid_t pid, uint64_t open_fds, uint64_t limit) {
  ProcessSample process;
  process.key = {pid, 0};
  process.state = 'S';
  process.usage.open_fds = open_fds;
  process.limits.open_files = limit;
  return process;
}

void OpenPipes(int count) {
  int ends[2];
  for (int i = 0; i < count; ++i) (void)!::pipe(ends);
}

class DescriptorLookTest : public testing::Test {
 protected:
  const AgentSample& Look(std::vector<ProcessSample> processes, std::vector<LeakEvidence> leaks = {},
                          bool tick = true) {
    observation_ = {};
    AgentSample& agent = observation_.agents.emplace_back();
    agent.processes = std::move(processes);
    agent.leaks = std::move(leaks);
    const kernel::RootedReader proc("/proc");
    kernel::ProcessFiles files(proc);
    look_.Look(files, tick, observation_);
    return agent;
  }
  DescriptorLook look_;
  Observation observation_;
  const kernel::ChildProcess child_{[] { OpenPipes(20); }};
};

TEST_F(DescriptorLookTest, IsTakenWhereATableIsMoreThanHalfFull) {
  const AgentSample& agent = Look({Running(child_.pid(), 43, 80), Running(::getpid(), 3, 80)});
  ASSERT_NE(agent.processes[0].descriptors, nullptr);
  EXPECT_GE(agent.processes[0].descriptors->of(DescriptorKind::kPipe), 40u);
  EXPECT_EQ(agent.processes[0].descriptors->main(), DescriptorKind::kPipe);
  EXPECT_NE(agent.processes[1].descriptors, nullptr);  // the whole tree
}

TEST_F(DescriptorLookTest, IsTakenWhereDescriptorsLeak) {
  const LeakEvidence memory{.resource = ResourceUse::Resource::kMemory};
  const LeakEvidence fds{.resource = ResourceUse::Resource::kFds};
  EXPECT_EQ(Look({Running(child_.pid(), 43, 1024)}, {memory}).processes[0].descriptors, nullptr);
  EXPECT_NE(Look({Running(child_.pid(), 43, 1024)}, {memory, fds}).processes[0].descriptors, nullptr);
}

// A process with `count` eventfds.
class Full {
 public:
  explicit Full(size_t count)
      : child_([count] {
          rlimit files{};
          ::getrlimit(RLIMIT_NOFILE, &files);
          files.rlim_cur = files.rlim_max;
          ::setrlimit(RLIMIT_NOFILE, &files);
          for (size_t i = 0; i < count; ++i) {
            if (::eventfd(0, 0) < 0) ::_exit(1);
          }
        }) {}
  pid_t pid() const { return child_.pid(); }

 private:
  kernel::ChildProcess child_;
};

TEST_F(DescriptorLookTest, ReadsSoManyLinksATickAndGoesOnInTheNext) {
  const Full full(2 * kLinksATick);
  const auto look = [&] {
    return Look({Running(child_.pid(), 43, 80), Running(full.pid(), 4003, 4096)}).processes;
  };
  std::vector<ProcessSample> seen = look();
  EXPECT_EQ(seen[0].descriptors, nullptr) << "the fullest comes first";
  ASSERT_NE(seen[1].descriptors, nullptr);
  EXPECT_FALSE(seen[1].descriptors->whole);
  EXPECT_EQ(seen[1].descriptors->main(), DescriptorKind::kEventfd);
  look();
  seen = look();  // a few are left above 4,000, so there is room for the other
  ASSERT_NE(seen[0].descriptors, nullptr);
  EXPECT_GE(seen[0].descriptors->of(DescriptorKind::kPipe), 40u);
  EXPECT_TRUE(seen[1].descriptors->whole);
  EXPECT_EQ(seen[1].descriptors->of(DescriptorKind::kEventfd), 2 * kLinksATick);
  seen = look();  // the next round has begun
  EXPECT_EQ(seen[1].descriptors->of(DescriptorKind::kEventfd), 2 * kLinksATick);
}

TEST_F(DescriptorLookTest, NothingIsReadBetweenTicks) {
  EXPECT_EQ(Look({Running(child_.pid(), 43, 80)}, {}, false).processes[0].descriptors, nullptr);
  const auto seen = Look({Running(child_.pid(), 43, 80)}).processes[0].descriptors;
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(Look({Running(child_.pid(), 43, 80)}, {}, false).processes[0].descriptors, seen);
  EXPECT_EQ(Look({Running(child_.pid(), 3, 80)}, {}, false).processes[0].descriptors, nullptr)
      << "no longer short";
}

TEST_F(DescriptorLookTest, NobodyIsAskedWhoWentOrMayNotBeRead) {
  ProcessSample unknown = Running(::getpid(), 0, 80);
  unknown.usage.open_fds.reset();
  const AgentSample& agent = Look({Running(1 << 23, 70, 80), unknown});
  EXPECT_EQ(agent.processes[0].descriptors, nullptr);
  EXPECT_EQ(agent.processes[1].descriptors, nullptr);
  EXPECT_TRUE(observation_.unreadable.empty());
}

}  // namespace
}  // namespace agent_exporter::agents

#include "agents/process_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/base/hanging_file.h"

namespace agent_exporter::agents {
namespace {

TEST(SystemdUnitTest, TakesTheInnermostServiceOrScope) {
  EXPECT_EQ(SystemdUnit("0::/system.slice/buildkite-agent.service\n"), "buildkite-agent.service");
  EXPECT_EQ(SystemdUnit("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u7.scope\n"),
            "run-u7.scope");
  EXPECT_EQ(SystemdUnit("0::/system.slice/docker-ab.scope/init\n"), "docker-ab.scope");
  EXPECT_EQ(SystemdUnit("0::/system.slice/a.service (deleted)\n"), "a.service");
}

TEST(SystemdUnitTest, ReadsTheHierarchyThatSystemdKeeps) {
  EXPECT_EQ(SystemdUnit("4:memory:/other.service\n1:name=systemd:/system.slice/a.service\n0::/\n"),
            "a.service");
  EXPECT_EQ(SystemdUnit("1:name=systemd:/system.slice/old.service\n0::/system.slice/new.service\n"),
            "new.service");
}

TEST(SystemdUnitTest, IsEmptyWithoutAUnit) {
  EXPECT_EQ(SystemdUnit(""), "");
  EXPECT_EQ(SystemdUnit("0::/\n"), "");
  EXPECT_EQ(SystemdUnit("0::/kubepods.slice/pod1.slice/abc\n"), "");
  EXPECT_EQ(SystemdUnit("malformed\n0:/a.service\n"), "");
}

TEST(LazyProcessFactsTest, ReadsThisProcess) {
  const kernel::RootedReader proc("/proc");
  kernel::ProcessFiles files(proc);
  kernel::Unreadable unreadable;
  LazyProcessFacts facts({getpid(), 0}, "given", files, unreadable);
  EXPECT_EQ(facts.pid(), getpid());
  EXPECT_EQ(facts.comm(), "given");
  ASSERT_FALSE(facts.argv().empty());
  EXPECT_THAT(facts.argv()[0], testing::HasSubstr("agents_test"));
  EXPECT_EQ(facts.exe(), std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_EQ(facts.cwd(), std::filesystem::current_path());
  EXPECT_EQ(facts.uid(), getuid());
  std::ifstream own("/proc/self/cgroup");
  EXPECT_EQ(facts.cgroup(), std::string(std::istreambuf_iterator<char>(own), {}));
  EXPECT_THAT(facts.environment(), testing::Contains(testing::StartsWith("PATH=")));
  EXPECT_EQ(facts.FollowLinks("/proc/self/comm"), "/proc/self/comm");
  EXPECT_TRUE(unreadable.counts().empty());
}

// A root of literals: a process that went has no folder; another's files are no text the kernel writes.
class FakeProcTest : public testing::Test {
 protected:
  FakeProcTest() : root_(testing::TempDir() + "facts." + std::to_string(getpid())) {
    std::filesystem::create_directories(root_ + "/7");
  }
  ~FakeProcTest() override { std::filesystem::remove_all(root_); }

  std::string root_;
};

TEST_F(FakeProcTest, AProcessThatWentIsEmptyAndNotCounted) {
  const kernel::RootedReader proc(root_);
  kernel::ProcessFiles files(proc);
  kernel::Unreadable unreadable;
  LazyProcessFacts facts({8, 0}, "codex", files, unreadable);
  EXPECT_TRUE(facts.argv().empty());
  EXPECT_EQ(facts.exe(), "");
  EXPECT_EQ(facts.cwd(), "");
  EXPECT_EQ(facts.cgroup(), "");
  EXPECT_EQ(facts.uid(), std::nullopt);
  EXPECT_TRUE(unreadable.counts().empty());
}

TEST_F(FakeProcTest, EveryFactIsReadOnceAndItsFailureCountedOnce) {
  std::ofstream(root_ + "/7/status") << "Name:\tx\nUid:\tzero\n";
  std::ofstream(root_ + "/7/cmdline") << "first";
  const kernel::RootedReader proc(root_);
  kernel::ProcessFiles files(proc);
  kernel::Unreadable unreadable;
  LazyProcessFacts facts({7, 0}, "codex", files, unreadable);
  EXPECT_EQ(facts.uid(), std::nullopt);
  EXPECT_EQ(facts.uid(), std::nullopt);
  EXPECT_EQ(facts.argv(), std::vector<std::string>{"first"});
  std::ofstream(root_ + "/7/cmdline") << "second";
  EXPECT_EQ(facts.argv(), std::vector<std::string>{"first"});
  EXPECT_EQ(&facts.command_line().words, &facts.argv()) << "was whole, so it is not read again";
  const kernel::Unreadable::Counts expected = {{{"status", "malformed"}, 1}};
  EXPECT_EQ(unreadable.counts(), expected);
}

TEST_F(FakeProcTest, ALongCommandLineIsReadToItsEndOnlyWhenAsked) {
  std::ofstream(root_ + "/7/cmdline")
      << "claude" << '\0' << std::string(200'000, 'x') << '\0' << "--resume=1";
  const kernel::RootedReader proc(root_);
  kernel::ProcessFiles files(proc);
  kernel::Unreadable unreadable;
  LazyProcessFacts facts({7, 0}, "claude", files, unreadable);
  EXPECT_EQ(facts.argv().size(), 2u);
  EXPECT_EQ(facts.command_line().words.size(), 3u);
  EXPECT_TRUE(facts.command_line().whole);
  std::ofstream(root_ + "/7/cmdline") << std::string(9 << 20, 'x');
  LazyProcessFacts endless({7, 0}, "x", files, unreadable);
  EXPECT_FALSE(endless.command_line().whole);
}

TEST_F(FakeProcTest, AFactThatIsNotAnsweredIsAskedForAgainNextTime) {
  const kernel::RootedReader proc(root_);
  base::BoundedReads reads({.patience = std::chrono::milliseconds(20)});
  kernel::ProcessFiles files(proc, reads);
  kernel::Unreadable unreadable;
  base::HangingFile cmdline(root_ + "/7/cmdline");
  LazyProcessFacts facts({7, 0}, "codex", files, unreadable);
  EXPECT_TRUE(facts.complete());
  EXPECT_TRUE(facts.argv().empty());
  EXPECT_FALSE(facts.complete());
  const kernel::Unreadable::Counts expected = {{{"cmdline", "blocked"}, 1}};
  EXPECT_EQ(unreadable.counts(), expected);
}

}  // namespace
}  // namespace agent_exporter::agents

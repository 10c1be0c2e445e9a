#include "kernel/process_files.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/base/hanging_file.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ProcessFilesTest, ReadsThisProcess) {
  const RootedReader proc("/proc");
  ProcessFiles files(proc);
  const pid_t self = ::getpid();
  const auto cmdline = files.Cmdline({self, 0});
  ASSERT_TRUE(cmdline.ok()) << cmdline.status();
  EXPECT_EQ(cmdline->words.front(), ::program_invocation_name);
  EXPECT_TRUE(cmdline->whole);
  EXPECT_EQ(*files.Exe({self, 0}), std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_EQ(*files.Cwd(self), std::filesystem::current_path());
  EXPECT_EQ(*files.Uid(self), ::getuid());
  EXPECT_THAT(*files.Cgroup(self), testing::EndsWith("\n"));
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto limits = files.Limits(self);
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(limits->open_files, limit.rlim_cur);
}

TEST(ProcessFilesTest, ReadsAChildsOwnLimits) {
  ChildProcess child([] {
    const rlimit files{77, 88};
    const rlimit memory{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0 || ::setrlimit(RLIMIT_AS, &memory) != 0) ::_exit(1);
  });
  const RootedReader proc("/proc");
  const auto limits = ProcessFiles(proc).Limits(child.pid());
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ(limits->open_files, 77u);
  EXPECT_EQ(limits->address_space_bytes, std::nullopt);
}

TEST(ProcessFilesTest, AZombieHasAnEmptyCommandLineAndNoProgram) {
  ChildProcess child;
  child.KillToZombie();
  const RootedReader proc("/proc");
  ProcessFiles files(proc);
  EXPECT_THAT(files.Cmdline({child.pid(), 0})->words, IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(files.Exe({child.pid(), 0}).status()));
  EXPECT_TRUE(files.Uid(child.pid()).ok());
}

TEST(ProcessFilesTest, AReapedProcessIsNotFound) {
  ChildProcess child;
  const pid_t pid = child.pid();
  child.KillAndReap();
  const RootedReader proc("/proc");
  ProcessFiles files(proc);
  EXPECT_TRUE(absl::IsNotFound(files.Cmdline({pid, 0}).status()));
  EXPECT_TRUE(absl::IsNotFound(files.Exe({pid, 0}).status()));
  EXPECT_TRUE(absl::IsNotFound(files.Cwd(pid).status()));
  EXPECT_TRUE(absl::IsNotFound(files.Uid(pid).status()));
  EXPECT_TRUE(absl::IsNotFound(files.Cgroup(pid).status()));
  EXPECT_TRUE(absl::IsNotFound(files.Limits(pid).status()));
}

TEST(ProcessFilesTest, SplitsTheCommandLineAtNul) {
  FakeTree tree;
  const RootedReader proc(tree.root());
  ProcessFiles files(proc);
  tree.Write("1/cmdline", std::string("node\0\0a b\nc\0", 12));
  EXPECT_THAT(files.Cmdline({1, 0})->words, ElementsAre("node", "", "a b\nc"));
  tree.Write("1/cmdline", std::string("nginx: master\0\0\0\0", 17));
  EXPECT_THAT(files.Cmdline({1, 0})->words, ElementsAre("nginx: master"));
  tree.Write("1/cmdline", "no terminator");
  EXPECT_THAT(files.Cmdline({1, 0})->words, ElementsAre("no terminator"));
}

TEST(ProcessFilesTest, ALongCommandLineIsCutAndSaidToBe) {
  FakeTree tree;
  const RootedReader proc(tree.root());
  ProcessFiles files(proc);
  tree.Write("1/cmdline", "claude" + std::string(1, '\0') + std::string(100'000, 'x'));
  EXPECT_FALSE(files.Cmdline({1, 0})->whole);
  EXPECT_EQ(files.Cmdline({1, 0})->words.back().size(), (size_t{64} << 10) - 7);
  const auto all = files.Cmdline({1, 0}, ProcessFiles::kLongestCmdline);
  EXPECT_TRUE(all->whole);
  EXPECT_EQ(all->words.back().size(), size_t{100'000});
}

TEST(ProcessFilesTest, EnvironIsWhatTheProcessWasStartedWith) {
  FakeTree tree;
  const RootedReader proc(tree.root());
  tree.Write("1/environ", std::string("A=1\0B=x y\0", 10));
  EXPECT_THAT(*ProcessFiles(proc).Environ({1, 0}), ElementsAre("A=1", "B=x y"));
  EXPECT_TRUE(absl::IsNotFound(ProcessFiles(proc).Environ({2, 0}).status()));
}

TEST(ProcessFilesTest, FollowsLinksAsTheProcessSeesThem) {
  FakeTree tree;
  tree.Link("1/root/usr/bin/gemini", "../lib/node_modules/g/cli.js");
  tree.Link("1/root/bin/a", "/opt/b");
  tree.Link("1/root/opt/b", "c");
  tree.Link("1/root/bin/loop", "loop");
  tree.Link("1/cwd/.bin/x", "../x/x.js");
  tree.Write("1/root/bin/plain", "");
  const RootedReader proc(tree.root());
  ProcessFiles files(proc);
  EXPECT_EQ(*files.FollowLinks({1, 0}, "/usr/bin/gemini"), "/usr/bin/../lib/node_modules/g/cli.js");
  EXPECT_EQ(*files.FollowLinks({1, 0}, "/bin/a"), "/opt/c");
  EXPECT_EQ(*files.FollowLinks({1, 0}, ".bin/x"), ".bin/../x/x.js");
  for (const char* path : {"/bin/plain", "/bin/missing", "/bin/loop"})
    EXPECT_EQ(*files.FollowLinks({1, 0}, path), path);
}

TEST(ProcessFilesTest, AProcessThatDoesNotAnswerIsNotAskedAgainBeforeItsPidIsAnothers) {
  FakeTree tree;
  const RootedReader proc(tree.root());
  base::BoundedReads reads({.patience = std::chrono::milliseconds(20)});
  ProcessFiles files(proc, reads);
  base::HangingFile cmdline(tree.root() + "/1/cmdline");
  tree.Link("1/exe", "/usr/bin/claude");
  EXPECT_THAT(std::string(files.Cmdline({1, 77}).status().message()), testing::HasSubstr("not read within"));
  EXPECT_THAT(std::string(files.Cmdline({1, 77}).status().message()), testing::HasSubstr("still hangs"));
  EXPECT_THAT(std::string(files.Exe({1, 77}).status().message()), testing::HasSubstr("still hangs"));
  EXPECT_THAT(std::string(files.Environ({1, 77}).status().message()), testing::HasSubstr("still hangs"));
  EXPECT_TRUE(files.Exe({1, 78}).ok()) << "somebody else by now";
}

TEST(ProcessFilesTest, AReplacedProgramKeepsItsName) {
  FakeTree tree;
  const RootedReader proc(tree.root());
  tree.Link("1/exe", "/usr/bin/claude (deleted)");
  tree.Link("2/exe", "/usr/bin/claude (deleted) (deleted)");
  tree.Link("3/exe", "x");
  EXPECT_EQ(*ProcessFiles(proc).Exe({1, 0}), "/usr/bin/claude");
  EXPECT_EQ(*ProcessFiles(proc).Exe({2, 0}), "/usr/bin/claude (deleted)");
  EXPECT_EQ(*ProcessFiles(proc).Exe({3, 0}), "x");
}

TEST(ProcessFilesTest, MalformedTextIsSaid) {
  FakeTree tree;
  tree.Write("1/status", "Uid:\tnobody\n");
  tree.Write("1/limits", "Max open files  few\n");
  const RootedReader proc(tree.root());
  EXPECT_TRUE(absl::IsInvalidArgument(ProcessFiles(proc).Uid(1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ProcessFiles(proc).Limits(1).status()));
}

TEST(ProcessFilesTest, AnotherUsersProgramIsPermissionDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  ChildProcess child;
  EXPECT_EQ(RunAs(65534,
                  [&] {
                    const RootedReader proc("/proc");
                    base::BoundedReads reads({});  // the shared one's threads stayed behind
                    ProcessFiles files(proc, reads);
                    if (!absl::IsPermissionDenied(files.Exe({child.pid(), 0}).status())) return 1;
                    if (!absl::IsPermissionDenied(files.Cwd(child.pid()).status())) return 2;
                    return files.Cmdline({child.pid(), 0}).ok() && files.Uid(child.pid()).ok() ? 0 : 3;
                  }),
            0);
}

}  // namespace
}  // namespace agent_exporter::kernel

#include "kernel/shared_use.h"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

TEST(SharedUse, CountsTheInstancesAndWatchesOfAUser) {
  FakeTree tree;
  tree.Write("sys/fs/inotify/max_user_instances", "128\n");
  tree.Write("sys/fs/inotify/max_user_watches", "65536\n");
  tree.Link("7/fd/3", "anon_inode:inotify");
  tree.Link("7/fd/4", "anon_inode:[eventfd]");
  tree.Link("8/fd/0", "anon_inode:inotify");
  tree.Write("7/fdinfo/3", "pos:\t0\ninotify wd:1 ino:2\ninotify wd:2 ino:3\n");
  tree.Write("8/fdinfo/0", "pos:\t0\n");
  tree.MakeDirectory("9");
  const RootedReader proc(tree.root());
  SharedUseReader reader(proc);
  const InotifyUse use = reader.Inotify(getuid());
  EXPECT_EQ(use.instances, 2u);
  EXPECT_EQ(use.watches, 2u);
  EXPECT_EQ(use.max_instances, 128u);
  EXPECT_EQ(use.max_watches, 65536u);
  EXPECT_EQ(reader.Inotify(getuid() + 1).instances, 0u);
  EXPECT_EQ(reader.Owner(7), getuid());
  EXPECT_EQ(reader.Owner(70), std::nullopt);
}

TEST(SharedUse, WithoutALimitNothingIsLookedAt) {
  FakeTree tree;
  tree.Link("7/fd/3", "anon_inode:inotify");
  const RootedReader proc(tree.root());
  const InotifyUse use = SharedUseReader(proc).Inotify(getuid());
  EXPECT_EQ(use.instances, 0u);
  EXPECT_EQ(use.max_instances, std::nullopt);
}

TEST(SharedUse, OfARealProcess) {
  const RootedReader proc("/proc");
  SharedUseReader reader(proc);
  const std::optional<uid_t> self = reader.Owner(getpid());
  ASSERT_TRUE(self.has_value());
  const InotifyUse before = reader.Inotify(*self);
  if (!before.max_instances) GTEST_SKIP() << "no inotify";
  const int fd = inotify_init1(IN_CLOEXEC);
  if (fd < 0) GTEST_SKIP() << "none left";
  ASSERT_GE(inotify_add_watch(fd, "/", IN_CREATE), 0);
  // Other processes of the user come and go.
  const InotifyUse during = reader.Inotify(*self);
  EXPECT_GE(during.instances, 1u);
  EXPECT_GE(during.watches, 1u);
  close(fd);
}

TEST(SharedUse, CountsTheThreadsOfAUser) {
  FakeTree tree;
  for (const char* thread : {"7/task/7", "7/task/8", "9/task/9"}) tree.MakeDirectory(thread);
  tree.MakeDirectory("10");  // ended meanwhile
  const RootedReader proc(tree.root());
  const SharedUseReader reader(proc);
  EXPECT_EQ(reader.Tasks(getuid()), 3u);
  EXPECT_EQ(reader.Tasks(getuid() + 1), 0u);
}

TEST(SharedUse, ThreadsOfARealProcess) {
  // The child stays what it is: its owner would be root if it gave up its user after the fork.
  ChildProcess child;
  const RootedReader proc("/proc");
  SharedUseReader reader(proc);
  const auto owner = reader.Owner(child.pid());
  ASSERT_TRUE(owner.has_value());
  const uint64_t with_child = reader.Tasks(*owner);
  EXPECT_GE(with_child, 2u);  // and this process
  struct stat info{};
  ASSERT_EQ(stat(("/proc/" + std::to_string(child.pid()) + "/task").c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, 3u);  // the kernel's promise that the count rests on
}

TEST(SharedUse, TerminalsOfTheHost) {
  FakeTree tree;
  tree.Write("sys/kernel/pty/nr", "3\n");
  const RootedReader proc(tree.root());
  SharedUseReader reader(proc);
  EXPECT_FALSE(reader.Ptys().has_value());
  tree.Write("sys/kernel/pty/max", "4096\n");
  EXPECT_EQ(reader.Ptys()->used, 3u);
  EXPECT_EQ(reader.Ptys()->max, 4096u);
}

}  // namespace
}  // namespace agent_exporter::kernel

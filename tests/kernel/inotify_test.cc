#include "kernel/inotify.h"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

TEST(Inotify, CountsTheInstancesAndWatchesOfAUser) {
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
  InotifyReader reader(proc);
  const InotifyUse use = reader.Read(getuid());
  EXPECT_EQ(use.instances, 2u);
  EXPECT_EQ(use.watches, 2u);
  EXPECT_EQ(use.max_instances, 128u);
  EXPECT_EQ(use.max_watches, 65536u);
  EXPECT_EQ(reader.Read(getuid() + 1).instances, 0u);
  EXPECT_EQ(reader.Owner(7), getuid());
  EXPECT_EQ(reader.Owner(70), std::nullopt);
}

TEST(Inotify, WithoutALimitNothingIsLookedAt) {
  FakeTree tree;
  tree.Link("7/fd/3", "anon_inode:inotify");
  const RootedReader proc(tree.root());
  const InotifyUse use = InotifyReader(proc).Read(getuid());
  EXPECT_EQ(use.instances, 0u);
  EXPECT_EQ(use.max_instances, std::nullopt);
}

TEST(Inotify, OfARealProcess) {
  const RootedReader proc("/proc");
  InotifyReader reader(proc);
  const std::optional<uid_t> self = reader.Owner(getpid());
  ASSERT_TRUE(self.has_value());
  const InotifyUse before = reader.Read(*self);
  if (!before.max_instances) GTEST_SKIP() << "no inotify";
  const int fd = inotify_init1(IN_CLOEXEC);
  if (fd < 0) GTEST_SKIP() << "none left";
  ASSERT_GE(inotify_add_watch(fd, "/", IN_CREATE), 0);
  // Other processes of the user come and go.
  const InotifyUse during = reader.Read(*self);
  EXPECT_GE(during.instances, 1u);
  EXPECT_GE(during.watches, 1u);
  close(fd);
}

}  // namespace
}  // namespace agent_exporter::kernel

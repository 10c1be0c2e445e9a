#include "snapshot/options.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace agent_exporter::snapshot {
namespace {

TEST(ExpandHomeTest, TildeIsTheHome) {
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(ExpandHome("~"), "/home/someone");
  EXPECT_EQ(ExpandHome("~/a/b"), "/home/someone/a/b");
  EXPECT_EQ(ExpandHome("/a/~"), "/a/~");
  EXPECT_EQ(ExpandHome("~other/a"), "~other/a");
}

TEST(ExpandHomeTest, WithoutHomeTheUserDatabaseTells) {
  ::unsetenv("HOME");
  const std::string home = ExpandHome("~");
  EXPECT_TRUE(home.starts_with("/")) << home;
}

TEST(DefaultSnapshotDirTest, SystemdThenXdgThenHome) {
  ::setenv("HOME", "/home/someone", 1);
  ::unsetenv("CACHE_DIRECTORY");
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(DefaultSnapshotDir(), "/home/someone/.cache/agent_exporter");
  ::setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(DefaultSnapshotDir(), "/xdg/agent_exporter");
  ::setenv("CACHE_DIRECTORY", "/var/cache/agent_exporter:/var/cache/more", 1);
  EXPECT_EQ(DefaultSnapshotDir(), "/var/cache/agent_exporter");
  ::unsetenv("CACHE_DIRECTORY");
  ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace agent_exporter::snapshot

#include "kernel/rooted_reader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "base/errno_status.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

TEST(RootedReaderTest, ReadsWholeFilesOfAnySize) {
  FakeTree tree;
  for (const size_t size : {0, 1, 4095, 4096, 4097, 100'000}) {
    const std::string text(size, 'x');
    tree.Write("a/file", text);
    std::string buffer = "what was there";
    const RootedReader reader(tree.root());
    const auto read = reader.Read("a/file", &buffer);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, text);
    EXPECT_EQ(buffer, text);
  }
}

TEST(RootedReaderTest, CutsAtTheLimit) {
  FakeTree tree;
  tree.Write("file", "0123456789");
  std::string buffer;
  EXPECT_EQ(*RootedReader(tree.root()).Read("file", &buffer, 4), "0123");
}

TEST(RootedReaderTest, ReadsRealKernelFilesToTheirEnd) {
  const RootedReader proc("/proc");
  std::string buffer;
  const auto vmstat = proc.Read("vmstat", &buffer);
  ASSERT_TRUE(vmstat.ok()) << vmstat.status();
  EXPECT_EQ(vmstat->back(), '\n');
  EXPECT_NE(vmstat->find("\npgfault "), std::string_view::npos);
}

TEST(RootedReaderTest, ReadsLinks) {
  FakeTree tree;
  const std::string target(300, 'y');
  tree.Link("link", target);
  EXPECT_EQ(*RootedReader(tree.root()).ReadLink("link"), target);
}

TEST(RootedReaderTest, SaysWhatFailed) {
  FakeTree tree;
  const RootedReader reader(tree.root());
  std::string buffer;
  const absl::Status missing = reader.Read("none", &buffer).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_NE(std::string(missing.message()).find(tree.root() + "/none: No such file"), std::string::npos);
  EXPECT_TRUE(absl::IsNotFound(reader.ReadLink("none").status()));
  tree.MakeDirectory("dir");
  EXPECT_TRUE(absl::IsInternal(reader.Read("dir", &buffer).status()));
}

TEST(RootedReaderTest, ARootThatIsNotThereFailsEveryCall) {
  const RootedReader reader("/nonexistent/root");
  std::string buffer;
  EXPECT_FALSE(reader.ok());
  EXPECT_TRUE(absl::IsNotFound(reader.status()));
  EXPECT_EQ(reader.Read("x", &buffer).status(), reader.status());
  EXPECT_EQ(reader.ReadLink("x").status(), reader.status());
}

TEST(RootedReaderTest, AnotherUsersFileIsPermissionDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  ChildProcess child;
  EXPECT_EQ(RunAs(65534,
                  [&] {
                    const RootedReader proc("/proc");
                    std::string buffer;
                    const std::string environ_path = std::to_string(child.pid()) + "/environ";
                    return absl::IsPermissionDenied(proc.Read(environ_path, &buffer).status()) ? 0 : 1;
                  }),
            0);
}

TEST(ErrnoStatusTest, MapsErrnos) {
  EXPECT_TRUE(absl::IsNotFound(base::ErrnoStatus(ENOENT, "p")));
  EXPECT_TRUE(absl::IsNotFound(base::ErrnoStatus(ESRCH, "p")));
  EXPECT_TRUE(absl::IsPermissionDenied(base::ErrnoStatus(EACCES, "p")));
  EXPECT_TRUE(absl::IsPermissionDenied(base::ErrnoStatus(EPERM, "p")));
  EXPECT_TRUE(absl::IsUnimplemented(base::ErrnoStatus(EOPNOTSUPP, "p")));
  EXPECT_TRUE(absl::IsInternal(base::ErrnoStatus(EMFILE, "p")));
}

}  // namespace
}  // namespace agent_exporter::kernel

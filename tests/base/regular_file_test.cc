#include "base/regular_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::base {
namespace {

using Code = absl::StatusCode;

class RegularFileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return tree_.root() + "/" + name; }
  kernel::FakeTree tree_;
};

TEST_F(RegularFileTest, ReadsAFile) {
  const std::string text(40'000, 'x');
  tree_.Write("file", text);
  EXPECT_EQ(*ReadRegularFile(Path("file"), 40'000), text);
  EXPECT_EQ(ReadRegularFile(Path("file"), 39'999).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(ReadRegularFile(Path("none"), 100).status().code(), Code::kNotFound);
}

TEST_F(RegularFileTest, FollowsNoSymbolicLink) {
  tree_.Write("real/file", "secret");
  tree_.Link("link", Path("real/file"));
  tree_.Link("folder", Path("real"));
  EXPECT_EQ(ReadRegularFile(Path("link"), 100).status().code(), Code::kFailedPrecondition);
  const auto root = OpenDirectory(tree_.root());
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(OpenRegularFile(*root, "link", std::nullopt).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(OpenSubdirectory(*root, "folder").status().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(OpenSubdirectory(*root, "real").ok());
}

// Without O_NONBLOCK this test would never end.
TEST_F(RegularFileTest, DoesNotReadOrWaitForAFifo) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReadRegularFile(Path("fifo"), 100).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(ReadRegularFile("/dev/zero", 100).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(ReadRegularFile(tree_.root(), 100).status().code(), Code::kFailedPrecondition);
}

TEST_F(RegularFileTest, ReadsOnlyTheOwnersFile) {
  tree_.Write("file", "mine");
  const auto root = OpenDirectory(tree_.root());
  ASSERT_TRUE(root.ok());
  EXPECT_TRUE(OpenRegularFile(*root, "file", ::getuid()).ok());
  EXPECT_EQ(OpenRegularFile(*root, "file", ::getuid() + 1).status().code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace agent_exporter::base

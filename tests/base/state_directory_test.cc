#include "base/state_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace agent_exporter::base {
namespace {

class StateDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "state_XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST(StateDirectoryPathTest, SystemdThenXdgThenRootThenHome) {
  StateEnvironment environment{
      .state_directory = "/var/lib/a:/var/lib/b", .xdg_state_home = "/x", .home = "/home/u", .root = true};
  EXPECT_EQ(*StateDirectory(environment), "/var/lib/a");
  environment.state_directory = "";
  EXPECT_EQ(*StateDirectory(environment), "/x/agent_exporter");
  environment.xdg_state_home = "relative";
  EXPECT_EQ(*StateDirectory(environment), "/var/lib/agent_exporter");
  environment.root = false;
  EXPECT_EQ(*StateDirectory(environment), "/home/u/.local/state/agent_exporter");
  environment.home = "";
  EXPECT_EQ(StateDirectory(environment).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StateDirectoryTest, CreatesMissingDirectoriesForTheOwnerOnly) {
  const std::string path = directory_ + "/a/b/c";
  ASSERT_TRUE(MakeStateDirectory(path).ok());
  ASSERT_TRUE(MakeStateDirectory(path).ok()) << "once more";
  struct stat about = {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700u);
  EXPECT_TRUE(std::filesystem::is_empty(path)) << "the probe file is gone";
}

TEST_F(StateDirectoryTest, AFileInThePathIsNamed) {
  std::ofstream(directory_ + "/a") << "x";
  const absl::Status status = MakeStateDirectory(directory_ + "/a/b");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find(directory_ + "/a"), std::string::npos) << status;
}

TEST_F(StateDirectoryTest, ADirectoryWithoutWriteAccessIsRefused) {
  const absl::Status status = MakeStateDirectory("/proc/self/agent_exporter");
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(MakeStateDirectory("/proc/self").ok()) << "exists, but no files can be created in it";
}

}  // namespace
}  // namespace agent_exporter::base

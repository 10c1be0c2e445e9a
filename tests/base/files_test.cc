#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/base/refusing_system.h"
#include "tests/base/wait_for.h"

namespace agent_exporter::base {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string pattern = testing::TempDir() + "files_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~FilesTest() override { fs::remove_all(directory_); }
  std::string Path(const std::string& name = "file") const { return directory_ + "/" + name; }
  struct stat Stat() const {
    struct stat info{};
    EXPECT_EQ(stat(Path().c_str(), &info), 0);
    return info;
  }

  std::string directory_;
  RefusingSystem system_;
};

TEST_F(FilesTest, ReplacesTheWholeFile) {
  ASSERT_TRUE(ReplaceFile(system_, Path(), "something long").ok());
  ASSERT_TRUE(ReplaceFile(system_, Path(), "new").ok());
  EXPECT_EQ(TextOfFile(Path()), "new");
  EXPECT_EQ(Stat().st_mode & 0777, 0600u);
  EXPECT_FALSE(fs::exists(Path("file.new")));
}

TEST_F(FilesTest, ModeAndOwnerAreTheCallers) {
  const mode_t before = umask(027);
  ASSERT_TRUE(ReplaceFile(system_, Path(), "x", {.mode = 0666}).ok());
  umask(before);
  EXPECT_EQ(Stat().st_mode & 0777, 0640u);
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_TRUE(ReplaceFile(system_, Path(), "x", {.owner = std::pair(65534, 65534)}).ok());
  EXPECT_EQ(Stat().st_uid, 65534u);
}

TEST_F(FilesTest, AFailureLeavesTheOldFileAndNoOther) {
  ASSERT_TRUE(ReplaceFile(system_, Path(), "old").ok());
  for (bool* granted : {&system_.room, &system_.renames}) {
    *granted = false;
    const absl::Status status = ReplaceFile(system_, Path(), "new");
    *granted = true;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + Path()));
    EXPECT_EQ(TextOfFile(Path()), "old");
    EXPECT_FALSE(fs::exists(Path("file.new")));
  }
  EXPECT_TRUE(absl::IsNotFound(ReplaceFile(system_, Path("none/file"), "x")));
}

TEST_F(FilesTest, NothingIsWrittenThroughALink) {
  std::ofstream(Path("precious")) << "mine";
  fs::create_symlink(Path("precious"), Path("file.new"));
  ASSERT_TRUE(ReplaceFile(system_, Path(), "x").ok());
  fs::create_hard_link(Path("precious"), Path("file.new"));
  ASSERT_TRUE(ReplaceFile(system_, Path(), "y").ok());
  EXPECT_EQ(TextOfFile(Path()), "y");
  EXPECT_EQ(TextOfFile(Path("precious")), "mine");
}

TEST_F(FilesTest, WithoutACommitNothingIsLeft) {
  {
    PendingFile file(system_, Path());
    ASSERT_TRUE(file.Write("x").ok());
    EXPECT_TRUE(fs::exists(Path("file.new")));
  }
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(FilesTest, AFileCanGetASecondName) {
  ASSERT_TRUE(ReplaceFile(system_, Path("other"), "x").ok());
  PendingFile file(system_, Path());
  ASSERT_TRUE(file.Link(Path("other")));
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(TextOfFile(Path()), "x");
  EXPECT_FALSE(PendingFile(system_, Path("third")).Link(Path("none")));
}

}  // namespace
}  // namespace agent_exporter::base

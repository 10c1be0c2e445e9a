#include "serve/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/base/logged.h"
#include "tests/base/refusing_system.h"

namespace agent_exporter::serve {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class StateFileTest : public testing::Test {
 protected:
  StateFileTest() {
    std::string pattern = testing::TempDir() + "state_file_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~StateFileTest() override { fs::remove_all(directory_); }
  std::string path() const { return directory_ + "/some.state"; }
  std::optional<std::string> Contents() { return StateFile(path(), "evidence", system_).Read(); }

  std::string directory_;
  base::RefusingSystem system_;
};

TEST_F(StateFileTest, HoldsWhatWasWrittenLast) {
  {
    StateFile file(path(), "evidence", system_);
    EXPECT_EQ(file.Read(), std::nullopt);
    for (int i = 0; i < 100; ++i) file.Write("number " + std::to_string(i));
  }
  EXPECT_EQ(Contents(), "number 99");
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1)
      << "nothing beside it";
}

TEST_F(StateFileTest, WritesAgainAfterAFlush) {
  StateFile file(path(), "evidence", system_);
  for (const char* text : {"one", "two", "three"}) {
    file.Write(text);
    file.Flush();
    EXPECT_EQ(file.Read(), text);
  }
}

TEST_F(StateFileTest, SurvivesTheLossOfItsDirectory) {
  const base::Logged log;
  {
    StateFile file(directory_ + "/none/some.state", "evidence", system_);
    file.Write("x");
  }
  EXPECT_THAT(log.text(), HasSubstr("cannot save the evidence, a restart will lose it: cannot write "));
}

TEST_F(StateFileTest, SetAsideItIsOutOfTheWay) {
  std::ofstream(path()) << "what is this";
  const base::Logged log;
  StateFile file(path(), "evidence", system_);
  file.SetAside(absl::InvalidArgumentError("of another version"));
  EXPECT_EQ(file.Read(), std::nullopt);
  EXPECT_TRUE(fs::exists(path() + ".bad"));
  EXPECT_THAT(log.text(), HasSubstr("starting without the saved evidence: " + path() +
                                    ": of another version; moved to " + path() + ".bad"));
}

TEST_F(StateFileTest, AFullDiskLeavesTheOldFileAndIsLoggedOnce) {
  for (bool* granted : {&system_.room, &system_.renames}) {
    StateFile file(path(), "evidence", system_);
    file.Write("old");
    file.Flush();
    *granted = false;
    const base::Logged log;
    for (int i = 0; i < 2; ++i) {
      file.Write("new");
      file.Flush();
    }
    EXPECT_EQ(file.Read(), "old");
    EXPECT_FALSE(fs::exists(path() + ".new"));
    EXPECT_EQ(log.count(), 1u) << log.text();
    *granted = true;
    file.Write("new");
    file.Flush();
    EXPECT_EQ(file.Read(), "new");
  }
}

TEST_F(StateFileTest, WithoutAThreadFlushWrites) {
  system_.threads = 0;
  const base::Logged log;
  StateFile file(path(), "evidence", system_);
  file.Write("one");
  file.Write("two");
  EXPECT_EQ(file.Read(), std::nullopt);
  EXPECT_EQ(log.count(), 1u) << log.text();
  EXPECT_THAT(log.text(), HasSubstr("no more threads"));
  file.Flush();
  EXPECT_EQ(file.Read(), "two");
}

TEST_F(StateFileTest, AThreadThatIsGrantedLaterWrites) {
  system_.threads = 0;
  StateFile file(path(), "evidence", system_);
  file.Write("one");
  system_.threads = 1;
  file.Write("two");
  file.Flush();
  EXPECT_EQ(file.Read(), "two");
  EXPECT_EQ(system_.threads, 0);
}

TEST_F(StateFileTest, NothingIsWrittenThroughALink) {
  std::ofstream(directory_ + "/precious") << "mine";
  fs::create_symlink(directory_ + "/precious", path() + ".new");
  StateFile(path(), "evidence", system_).Write("x");
  std::string text;
  std::getline(std::ifstream(directory_ + "/precious"), text);
  EXPECT_EQ(text, "mine");
}

}  // namespace
}  // namespace agent_exporter::serve

// With the real screen; tmux itself is tests/base/tmux_test.cc.

#include "snapshot/probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bounded_command.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::snapshot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseScreenListTest, CountsTheLiving) {
  EXPECT_EQ(ParseScreenList("No Sockets found in /run/screen/S-x.\n\n").value_or(9), 0u);
  EXPECT_EQ(ParseScreenList("There is a screen on:\n\t1.a\t(01/02/26 10:00:00)\t(Detached)\n"
                            "1 Socket in /run/screen/S-x.\n")
                .value_or(9),
            1u);
  EXPECT_EQ(
      ParseScreenList("There are screens on:\n\t1.a\t(Attached)\n\t2.b (c)\t(Detached)\n\t3.d\t(Dead ??\?)\n"
                      "Remove dead screens with 'screen -wipe'.\n3 Sockets in /x.\n")
          .value_or(9),
      2u);
}

TEST(ParseScreenListTest, CountsSessionsWithoutAHeader) {
  EXPECT_EQ(ParseScreenList("\t1.a\t(Detached)\n\t2.b\t(Attached)\n").value_or(9), 2u);
  EXPECT_EQ(ParseScreenList("Il y a un écran :\n\t1.a\t(Détaché)\n").value_or(9), 1u);
}

TEST(ParseScreenListTest, AnotherTextIsNoList) {
  const auto count = ParseScreenList("Directory /run/screen must have mode 777.\n");
  EXPECT_TRUE(absl::IsInvalidArgument(count.status()));
  EXPECT_THAT(std::string(count.status().message()), HasSubstr("must have mode 777"));
  EXPECT_FALSE(ParseScreenList("").ok());
}

class ProbesTest : public ::testing::Test {
 protected:
  ProbesTest() {
    tree_.MakeDirectory("screens");
    ::chmod((tree_.root() + "/screens").c_str(), 0700);
    ::setenv("SCREENDIR", (tree_.root() + "/screens").c_str(), 1);
  }
  ~ProbesTest() override { ::unsetenv("SCREENDIR"); }

  ProbeOptions Options() const { return {.tmux_socket_root = tree_.root()}; }
  // A program that stands for tmux or screen.
  std::string Program(const std::string& name, const std::string& script) const {
    tree_.Write(name, "#!/bin/sh\n" + script + "\n");
    ::chmod((tree_.root() + "/" + name).c_str(), 0755);
    return tree_.root() + "/" + name;
  }

  kernel::FakeTree tree_;
};

TEST_F(ProbesTest, NothingRunsIsZero) {
  const ProbeResults results = RunProbes(Options());
  ASSERT_TRUE(results.tmux.has_value());
  EXPECT_THAT(results.tmux->panes, IsEmpty());
  EXPECT_EQ(results.screen_sessions, 0u);
  EXPECT_THAT(results.failures, IsEmpty());
}

TEST_F(ProbesTest, RealScreenSessionsAreCounted) {
  // In the foreground: one that makes itself a daemon would have to be quicker than the end of its group.
  std::vector<std::thread> screens;
  for (const char* name : {"one", "two.three"}) {
    screens.emplace_back([name] {
      base::RunBounded(
          {.argv = {"screen", "-DmS", name, "sleep", "1000"}, .time_limit = std::chrono::seconds(60)})
          .IgnoreError();
    });
  }
  std::optional<uint64_t> sessions;
  for (int tries = 0; sessions != 2u && tries < 1000; ++tries) {
    sessions = RunProbes(Options()).screen_sessions;
  }
  EXPECT_EQ(sessions, 2u);
  for (const char* name : {"one", "two.three"}) {
    base::RunBounded({.argv = {"screen", "-S", name, "-X", "quit"}}).IgnoreError();
  }
  for (std::thread& screen : screens) screen.join();
}

TEST_F(ProbesTest, NotInstalledIsUnknownAndNoFailure) {
  ProbeOptions options = Options();
  options.tmux = "no-such-tmux";
  options.screen = "no-such-screen";
  const ProbeResults results = RunProbes(options);
  EXPECT_FALSE(results.tmux.has_value());
  EXPECT_FALSE(results.screen_sessions.has_value());
  EXPECT_THAT(results.failures, IsEmpty());
}

TEST_F(ProbesTest, ProgramThatHangsIsUnknownAndCounted) {
  ProbeOptions options = Options();
  options.screen = Program("screen", "sleep 1000");
  options.time_limit = std::chrono::milliseconds(100);
  const ProbeResults results = RunProbes(options);
  EXPECT_FALSE(results.screen_sessions.has_value());
  EXPECT_THAT(results.failures, ElementsAre(HasSubstr("longer than 100 ms")));
}

TEST_F(ProbesTest, ProgramThatAnswersStrangelyIsUnknownAndCounted) {
  ProbeOptions options = Options();
  options.screen = Program("screen", "echo Cannot make directory; exit 1");
  const ProbeResults results = RunProbes(options);
  EXPECT_FALSE(results.screen_sessions.has_value());
  EXPECT_THAT(results.failures, ElementsAre(HasSubstr("Cannot make directory")));
}

}  // namespace
}  // namespace agent_exporter::snapshot

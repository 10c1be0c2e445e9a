// `agent_exporter fds`: the groups from literals, the command on real processes.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "exporter/commands.h"
#include "exporter/fd_groups.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::exporter {
namespace {

using kernel::DescriptorKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> Groups(pid_t pid, std::vector<kernel::OpenDescriptor> open,
                                const FdContext& context = {}) {
  std::vector<std::string> lines;
  for (const FdGroup& group : GroupFds(pid, {.list = std::move(open)}, context)) {
    lines.push_back(std::to_string(group.count) + " " + Name(group.kind) + " " + group.target);
  }
  return lines;
}

TEST(FdGroups, PipesAreGroupedByWhoHasTheOtherEnd) {
  FdContext context;
  context.names = {{7, "git (pid 7)"}};
  context.holders = {{"pipe:[1]", {5, 7}}, {"pipe:[2]", {5, 7}}, {"pipe:[3]", {5}}, {"pipe:[4]", {5}}};
  EXPECT_THAT(
      Groups(5,
             {{0, DescriptorKind::kPipe, "pipe:[1]"},
              {1, DescriptorKind::kPipe, "pipe:[2]"},
              {2, DescriptorKind::kPipe, "pipe:[1]"},
              {3, DescriptorKind::kPipe, "pipe:[3]"},
              {4, DescriptorKind::kPipe, "pipe:[3]"},
              {5, DescriptorKind::kPipe, "pipe:[4]"}},
             context),
      ElementsAre("3 pipe to git (pid 7)", "2 pipe to itself", "1 pipe other end closed or not readable"));
  context.holders["pipe:[4]"] = {1, 2, 3, 4, 5};
  EXPECT_THAT(Groups(5, {{5, DescriptorKind::kPipe, "pipe:[4]"}}, context),
              ElementsAre("1 pipe to pid 1, pid 2, pid 3 and 1 more"));
}

TEST(FdGroups, SocketsAreGroupedByTheirOtherEnd) {
  FdContext context;
  context.names = {{7, "dockerd (pid 7)"}};
  context.holders = {{"socket:[20]", {7}}, {"socket:[21]", {5}}};
  context.sockets.addresses = {{1, "to 10.0.0.1:443"}, {2, "to 10.0.0.1:443"}};
  context.sockets.unix_peers = {{10, 20}, {11, 21}, {12, 22}};
  context.sockets.unix_names = {{22, "/run/x.sock"}, {13, "@own"}};
  EXPECT_THAT(Groups(5,
                     {{0, DescriptorKind::kSocketTcp, "socket:[1]"},
                      {1, DescriptorKind::kSocketTcp, "socket:[2]"},
                      {2, DescriptorKind::kSocketTcp, "socket:[3]"},
                      {3, DescriptorKind::kSocketUnix, "socket:[10]"},
                      {4, DescriptorKind::kSocketUnix, "socket:[11]"},
                      {5, DescriptorKind::kSocketUnix, "socket:[12]"},
                      {6, DescriptorKind::kSocketUnix, "socket:[13]"},
                      {7, DescriptorKind::kSocketOther, "socket:[14]"}},
                     context),
              ElementsAre("2 socket_tcp to 10.0.0.1:443", "1 socket_tcp ", "1 socket_unix at @own",
                          "1 socket_unix to /run/x.sock", "1 socket_unix to dockerd (pid 7)",
                          "1 socket_unix to itself", "1 socket_other "));
}

TEST(FdGroups, FilesAreGroupedByPathAndTheRestByKind) {
  EXPECT_THAT(Groups(5, {{0, DescriptorKind::kFile, "/tmp/a"},
                         {1, DescriptorKind::kFile, "/tmp/a"},
                         {2, DescriptorKind::kEventfd, "anon_inode:[eventfd]"},
                         {3, DescriptorKind::kOther, "anon_inode:[signalfd]"}}),
              ElementsAre("2 file /tmp/a", "1 eventfd ", "1 other anon_inode:[signalfd]"));
}

class FdsTest : public testing::Test {
 protected:
  int Run(const std::string& target, bool json = false) {
    out_.str("");
    files_.Write("agents.yaml",
                 "builtin_profiles: false\nagents: [{name: mine, match: {comm: fds_stand_in}}]\n");
    Options options;
    options.socket = "none";
    options.config_file = files_.root() + "/agents.yaml";
    options.target = target;
    options.json = json;
    return RunFds(options, out_, err_);
  }
  kernel::FakeTree files_;
  std::ostringstream out_, err_;
};

TEST_F(FdsTest, ShowsAProcessGroupedAndEscaped) {
  const std::string hostile = files_.root() + "/\x1b[31mred\u009b31m";
  files_.Write("\x1b[31mred\u009b31m", "");
  int shared[2];
  ASSERT_EQ(::pipe(shared), 0);
  const kernel::ChildProcess child([&] {
    int ends[2];
    for (int i = 0; i < 20; ++i) (void)!::pipe(ends);
    for (int i = 0; i < 3; ++i) (void)!::open(hostile.c_str(), O_RDONLY);
  });
  const std::string pid = std::to_string(child.pid());
  ASSERT_EQ(Run(pid), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("(pid " + pid + ") holds "));
  EXPECT_THAT(out_.str(), testing::ContainsRegex("\n  pipe +40  to itself\n"));
  EXPECT_THAT(out_.str(),
              testing::ContainsRegex("\n  pipe +2  to [^\n]*\\(pid " + std::to_string(::getpid())));
  EXPECT_THAT(out_.str(), testing::ContainsRegex("\n  file +3  [^\n]*/\\?\\[31mred\\?31m\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("\x1b")));

  ASSERT_EQ(Run(pid, true), 0) << err_.str();
  const auto process = nlohmann::json::parse(out_.str()).at("processes").at(0);
  const auto listed = std::distance(std::filesystem::directory_iterator("/proc/" + pid + "/fd"), {});
  EXPECT_EQ(process.at("open_fds"), listed);
  EXPECT_EQ(process.at("groups").at(0).at("fds"), 40);
  ::close(shared[0]);
  ::close(shared[1]);
}

TEST_F(FdsTest, ShowsAnAgentsProcessesTheFullestFirst) {
  const kernel::ChildProcess root([] {
    ::prctl(PR_SET_NAME, "fds_stand_in");
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      int ends[2];
      for (int i = 0; i < 30; ++i) (void)!::pipe(ends);
      ::prctl(PR_SET_NAME, "leaking");
      // Also the end of the pipe on which the test waits.
      for (int fd = 3; fd < 20; ++fd) ::close(fd);
      while (true) ::pause();
    }
  });
  ASSERT_EQ(Run("mine", true), 0) << err_.str();
  const auto processes = nlohmann::json::parse(out_.str()).at("processes");
  ASSERT_EQ(processes.size(), 2u);
  EXPECT_GE(processes[0].at("open_fds"), processes[1].at("open_fds"));
  EXPECT_EQ(processes[1].at("pid"), root.pid());
}

TEST_F(FdsTest, SaysWhoCannotBeFound) {
  EXPECT_EQ(Run("8388600"), 1);
  EXPECT_THAT(err_.str(), HasSubstr("no process and no agent 8388600 can be seen"));
}

}  // namespace
}  // namespace agent_exporter::exporter

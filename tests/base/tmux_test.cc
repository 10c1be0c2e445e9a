// Runs the real tmux, with its sockets in a folder that belongs to the test.

#include "base/tmux.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/bounded_command.h"

namespace agent_exporter::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TmuxTest : public ::testing::Test {
 protected:
  TmuxTest() {
    char path[] = "/tmp/tmux_test_XXXXXX";
    root_ = ::mkdtemp(path);
  }
  ~TmuxTest() override {
    for (const std::string& server : servers_) Tmux({"-L", server, "kill-server"});
    std::filesystem::remove_all(root_);
  }

  // Returns the output of the command. The server `-L name` runs until the test ends.
  std::string Tmux(std::vector<std::string> words) {
    words.insert(words.begin(), {"tmux", "-u", "-f", "/dev/null"});
    const auto result = RunBounded({.argv = std::move(words), .environment = {{"TMUX_TMPDIR", root_}}});
    return result.ok() ? result->out : std::string(result.status().message());
  }
  void NewSession(const std::string& server, const std::string& session) {
    servers_.push_back(server);
    // The server itself is a daemon: it leaves the group of the command that started it.
    Tmux({"-L", server, "new-session", "-d", "-s", session, "sleep 1000"});
  }
  absl::StatusOr<TmuxList> List() { return ListTmux({.socket_root = root_}); }
  std::string SocketFolder() const { return root_ + "/tmux-" + std::to_string(::geteuid()); }

  std::string root_;
  std::vector<std::string> servers_;
};

TEST_F(TmuxTest, NoServerIsAnEmptyList) {
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->panes, IsEmpty());
  EXPECT_EQ(list->others, 0u);
}

TEST_F(TmuxTest, NotInstalledIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ListTmux({.socket_root = root_, .program = "no-such-tmux"}).status()));
}

TEST_F(TmuxTest, ListsPanesOfEverySessionAndServer) {
  NewSession("one", "build");
  NewSession("one", "a b");
  NewSession("two", "build");
  Tmux({"-L", "one", "split-window", "-t", "=build:", "sleep 1000"});
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->panes.size(), 4u);
  EXPECT_THAT(list->SessionNames(), ElementsAre("a b", "build", "build"));

  const std::string pid = Tmux({"-L", "one", "display-message", "-p", "-t", "=a b:", "#{pane_pid} #{pid}"});
  bool found = false;
  for (const TmuxPane& pane : list->panes) {
    EXPECT_GT(pane.pid, 0);
    EXPECT_EQ(::kill(pane.pid, 0), 0);
    if (pane.session != "a b") continue;
    found = true;
    EXPECT_EQ(std::to_string(pane.pid) + " " + std::to_string(pane.server_pid) + "\n", pid);
    EXPECT_EQ(pane.window, 0);
    EXPECT_EQ(pane.pane, 0);
    EXPECT_EQ(pane.socket, SocketFolder() + "/one");
    EXPECT_THAT(pane.session_id, ::testing::StartsWith("$"));
  }
  EXPECT_TRUE(found);
}

TEST_F(TmuxTest, SessionNamesKeepTheirBytes) {
  NewSession("one", "tab\there\nline");
  NewSession("one", "\xc3\xbc <script>");
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->SessionNames(), ElementsAre("tab\\there\\nline", "\xc3\xbc <script>"));
}

TEST_F(TmuxTest, DeadPaneHasNoPid) {
  NewSession("one", "kept");
  Tmux({"-L", "one", "set-option", "-g", "remain-on-exit", "on"});
  Tmux({"-L", "one", "respawn-pane", "-k", "-t", "=kept:", "true"});
  pid_t pid = -1;
  for (int tries = 0; pid != 0 && tries < 200; ++tries) {
    const auto list = List();
    ASSERT_TRUE(list.ok()) << list.status();
    ASSERT_EQ(list->panes.size(), 1u);
    pid = list->panes[0].pid;
  }
  EXPECT_EQ(pid, 0);
}

TEST_F(TmuxTest, SkipsTheSocketOfAKilledServer) {
  NewSession("one", "gone");
  const auto before = List();
  ASSERT_TRUE(before.ok() && before->panes.size() == 1u) << before.status();
  ::kill(before->panes[0].server_pid, SIGKILL);
  for (int tries = 0; tries < 200; ++tries) {
    const auto list = List();
    ASSERT_TRUE(list.ok()) << list.status();
    if (list->panes.empty()) break;
  }
  EXPECT_TRUE(std::filesystem::exists(SocketFolder() + "/one"));
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->panes, IsEmpty());
  ::kill(before->panes[0].pid, SIGKILL);
}

TEST_F(TmuxTest, ServerThatDoesNotAnswerTimesOut) {
  NewSession("one", "stuck");
  const auto before = List();
  ASSERT_TRUE(before.ok() && before->panes.size() == 1u) << before.status();
  ::kill(before->panes[0].server_pid, SIGSTOP);
  const auto list = ListTmux({.socket_root = root_, .time_limit = std::chrono::milliseconds(200)});
  ::kill(before->panes[0].server_pid, SIGCONT);
  EXPECT_TRUE(absl::IsDeadlineExceeded(list.status())) << list.status();
}

TEST_F(TmuxTest, ReturnsTmuxErrors) {
  NewSession("one", "x");
  const std::string program = root_ + "/tmux";
  std::ofstream(program) << "#!/bin/sh\necho 'server version is too old' >&2\nexit 1\n";
  ::chmod(program.c_str(), 0755);
  const auto list = ListTmux({.socket_root = root_, .program = program});
  EXPECT_TRUE(absl::IsInternal(list.status())) << list.status();
  EXPECT_THAT(std::string(list.status().message()), HasSubstr("too old"));
}

TEST_F(TmuxTest, OtherUsersSocketsAreOnlyCounted) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a socket to another user";
  NewSession("one", "x");
  const std::string socket = SocketFolder() + "/one";
  ASSERT_EQ(::chown(socket.c_str(), 65534, 65534), 0);
  auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->panes, IsEmpty());
  EXPECT_EQ(list->others, 1u);

  // Our own socket, in a folder where another user can replace it.
  ASSERT_EQ(::chown(socket.c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(SocketFolder().c_str(), 0777), 0);
  list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->panes, IsEmpty());
  EXPECT_EQ(list->others, 1u);
  ASSERT_EQ(::chmod(SocketFolder().c_str(), 0700), 0);  // for the end of this test
}

}  // namespace
}  // namespace agent_exporter::base

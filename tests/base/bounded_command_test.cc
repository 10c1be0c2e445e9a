#include "base/bounded_command.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"

namespace agent_exporter::base {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

BoundedCommand Shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }

// True once all pids that a script printed, one per line, are gone or zombies.
bool AllEnd(const std::string& pids) {
  std::istringstream words(pids);
  for (pid_t pid = 0; words >> pid;) {
    for (int tries = 0;; ++tries) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
      std::string stat;
      std::getline(file, stat);
      if (stat.empty() || stat.find(") Z ") != std::string::npos) break;
      if (tries == 1000) return false;
      std::this_thread::sleep_for(milliseconds(5));
    }
  }
  return true;
}

TEST(BoundedCommandTest, ReturnsOutputAndExitCode) {
  const auto result = RunBounded(Shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_FALSE(result->success());
  EXPECT_FALSE(result->overflow);
}

TEST(BoundedCommandTest, ReturnsTheSignalThatEndedIt) {
  const auto result = RunBounded(Shell("kill -USR1 $$"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, std::nullopt);
  EXPECT_EQ(result->signal, SIGUSR1);
}

TEST(BoundedCommandTest, PassesArgumentsUnchanged) {
  const auto result = RunBounded({.argv = {"printf", "%s|", "a b", "$HOME", "`id`", ""}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "a b|$HOME|`id`||");
}

TEST(BoundedCommandTest, AddsToTheEnvironment) {
  ::setenv("BOUNDED_TEST", "old", 1);
  BoundedCommand command =
      Shell("echo $BOUNDED_TEST $BOUNDED_NEW; env | grep -c '^BOUNDED_TEST='; echo $HOME");
  command.environment = {{"BOUNDED_TEST", "x=y"}, {"BOUNDED_NEW", "z"}};
  const auto result = RunBounded(command);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->out, ::testing::StartsWith("x=y z\n1\n"));
  EXPECT_THAT(result->out, HasSubstr(std::getenv("HOME")));
}

TEST(BoundedCommandTest, PassesInput) {
  BoundedCommand command{.argv = {"cat"}, .input = std::string(200000, 'x') + "end"};
  const auto result = RunBounded(command);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, command.input);
}

TEST(BoundedCommandTest, UnreadInputIsNoError) {
  BoundedCommand command{.argv = {"true"}, .input = std::string(200000, 'x')};
  const auto result = RunBounded(command);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->success());
}

TEST(BoundedCommandTest, WithoutInputReadsNothing) {
  const auto result = RunBounded({.argv = {"cat"}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "");
}

TEST(BoundedCommandTest, MissingProgramIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(RunBounded({.argv = {"no-such-program-here"}}).status()));
  EXPECT_TRUE(absl::IsNotFound(RunBounded({.argv = {"/no/such/program"}}).status()));
}

TEST(BoundedCommandTest, NonExecutableFileIsPermissionDenied) {
  const auto result = RunBounded({.argv = {"/etc/passwd"}});
  EXPECT_TRUE(absl::IsPermissionDenied(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/etc/passwd"));
}

TEST(BoundedCommandTest, RefusesEmptyArgvAndNulBytes) {
  EXPECT_TRUE(absl::IsInvalidArgument(RunBounded({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RunBounded({.argv = {"echo", std::string("a\0b", 3)}}).status()));
}

TEST(BoundedCommandTest, KillsAHangingProgramWithItsGroup) {
  char path[] = "/tmp/bounded_command_XXXXXX";
  const Descriptor file(::mkstemp(path));
  BoundedCommand command = Shell("sleep 1000 & sleep 1000 & echo $$ $! > " + std::string(path) + "; wait");
  command.time_limit = milliseconds(2000);  // enough for a busy machine to start a shell
  const auto result = RunBounded(command);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
  std::ifstream pids(path);
  std::string line;
  ASSERT_TRUE(std::getline(pids, line));
  EXPECT_TRUE(AllEnd(line)) << line;
  ::unlink(path);
}

TEST(BoundedCommandTest, SigtermComesFirst) {
  char path[] = "/tmp/bounded_command_XXXXXX";
  const Descriptor file(::mkstemp(path));
  BoundedCommand command =
      Shell("trap 'echo asked > " + std::string(path) + "; exit' TERM; while :; do sleep 0.05; done");
  command.time_limit = milliseconds(2000);  // as above
  command.grace = milliseconds(60000);
  EXPECT_TRUE(absl::IsDeadlineExceeded(RunBounded(command).status()));
  std::ifstream asked(path);
  std::string line;
  std::getline(asked, line);
  EXPECT_EQ(line, "asked");
  ::unlink(path);
}

TEST(BoundedCommandTest, KillsAProgramThatIgnoresSigterm) {
  BoundedCommand command = Shell("trap '' TERM; while :; do sleep 0.05; done");
  command.time_limit = milliseconds(100);
  command.grace = milliseconds(100);
  EXPECT_TRUE(absl::IsDeadlineExceeded(RunBounded(command).status()));
}

TEST(BoundedCommandTest, KillsAProgramThatFloodsItsOutput) {
  BoundedCommand command = Shell("yes & yes >&2; wait");
  command.max_output = 100000;
  command.time_limit = milliseconds(60000);
  const auto result = RunBounded(command);
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
}

TEST(BoundedCommandTest, DropsTooMuchOutputOnRequest) {
  BoundedCommand command = Shell("head -c 3000000 /dev/zero; echo end >&2");
  command.max_output = 1000;
  command.drop_overflow = true;
  const auto result = RunBounded(command);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out.size(), 1000u);
  EXPECT_EQ(result->err, "end\n");
  EXPECT_TRUE(result->overflow);
  EXPECT_TRUE(result->success());
}

TEST(BoundedCommandTest, KillsAForkBomb) {
  // Every process starts another one and stays. At most 200, in case the kill misses some.
  char path[] = "/tmp/bounded_command_XXXXXX";
  const Descriptor file(::mkstemp(path));
  const std::string bomb = "bomb() { echo $2 >> " + std::string(path) +
                           "; test $1 -gt 200 || { sh -c 'echo $$ >> " + path +
                           "; sleep 1000' & (sleep 0.001; bomb $(($1 + 1))) & }; wait; }; bomb 1";
  BoundedCommand command = Shell(bomb);
  command.time_limit = milliseconds(150);
  EXPECT_TRUE(absl::IsDeadlineExceeded(RunBounded(command).status()));
  std::ifstream pids(path);
  std::stringstream all;
  all << pids.rdbuf();
  EXPECT_THAT(all.str(), Not(::testing::IsEmpty()));
  EXPECT_TRUE(AllEnd(all.str()));
  ::unlink(path);
}

TEST(BoundedCommandTest, KillsProcessesThatItLeavesBehind) {
  const auto result = RunBounded(Shell("sleep 1000 & echo $!"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(AllEnd(result->out)) << result->out;
}

TEST(BoundedCommandTest, CancelEndsItEarly) {
  const Descriptor cancel(::eventfd(0, EFD_CLOEXEC));
  std::thread canceller([&] { ::eventfd_write(cancel.get(), 1); });
  BoundedCommand command = Shell("sleep 1000");
  command.time_limit = milliseconds(600000);
  command.cancel_fd = cancel.get();
  EXPECT_TRUE(absl::IsCancelled(RunBounded(command).status()));
  canceller.join();
}

TEST(BoundedCommandTest, RunsWithDefaultSignalsInItsOwnSession) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  signal(SIGPIPE, SIG_IGN);
  const auto result =
      RunBounded(Shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; ps -o sid= -p $$; echo $$"));
  signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  std::istringstream words(result->out);
  std::string name, blocked_bits, ignored_bits;
  pid_t session = 0, pid = 1;
  words >> name >> blocked_bits >> name >> ignored_bits >> session >> pid;
  EXPECT_EQ(blocked_bits, "0000000000000000");
  // glibc's posix_spawn leaves its own two signals (32 and 33) ignored; every program sets them up again.
  EXPECT_EQ(std::stoull(ignored_bits, nullptr, 16) & ~0x180000000ull, 0u);
  EXPECT_EQ(session, pid);
}

TEST(BoundedCommandTest, PassesNoneOfOurDescriptors) {
  const Descriptor leaky(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  const auto result = RunBounded({.argv = {"ls", "/proc/self/fd"}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "0\n1\n2\n3\n");  // 3: the directory that ls reads
}

TEST(BoundedCommandTest, LeaksNoDescriptor) {
  const auto count = [] {
    int entries = 0;
    DIR* dir = ::opendir("/proc/self/fd");
    while (::readdir(dir) != nullptr) ++entries;
    ::closedir(dir);
    return entries;
  };
  const int before = count();
  RunBounded(Shell("true")).IgnoreError();
  RunBounded({.argv = {"no-such-program-here"}}).IgnoreError();
  BoundedCommand hang = Shell("sleep 1000");
  hang.time_limit = milliseconds(10);
  RunBounded(hang).IgnoreError();
  EXPECT_EQ(count(), before);
}

TEST(BoundedCommandTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> out(8);
  for (size_t i = 0; i < out.size(); ++i) {
    threads.emplace_back([&out, i] {
      const auto result =
          RunBounded({.argv = {"echo", std::to_string(i)}, .time_limit = milliseconds(60000)});
      if (result.ok()) out[i] = result->out;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], std::to_string(i) + "\n");
}

TEST(FindProgramTest, FindsInstalledProgramsOnly) {
  const auto sh = FindProgram("sh");
  ASSERT_TRUE(sh.ok()) << sh.status();
  EXPECT_THAT(*sh, ::testing::EndsWith("/sh"));
  EXPECT_EQ(FindProgram("/bin/sh").value_or(""), "/bin/sh");
  EXPECT_TRUE(absl::IsNotFound(FindProgram("no-such-program-here").status()));
  EXPECT_TRUE(absl::IsNotFound(FindProgram("/etc/passwd").status()));  // no program
  EXPECT_TRUE(absl::IsNotFound(FindProgram("").status()));
}

}  // namespace
}  // namespace agent_exporter::base

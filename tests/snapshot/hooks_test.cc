#include "snapshot/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/base/refusing_system.h"
#include "tests/base/wait_for.h"
#include "tests/kernel/fake_tree.h"
#include "tests/snapshot/http_sink.h"

namespace agent_exporter::snapshot {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HooksTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return tree_.root() + "/" + name; }
  std::string Text(const std::string& name) const { return base::TextOfFile(Path(name)); }
  HookOptions Command(const std::string& name, const std::string& script,
                      std::chrono::milliseconds limit = kHookCommandLimit * 6) const {
    return {.name = name,
            .command = {"/bin/sh", "-c", "cd " + tree_.root() + "\n" + script},
            .time_limit = limit};
  }
  HookPool::Log Log() {
    return [this](const std::string& line) {
      const std::lock_guard<std::mutex> lock(mutex_);
      log_.push_back(line);
    };
  }
  static json Diff(const std::string& agent, const std::string& timestamp = "2026-01-02T03:04:05") {
    return {{"agent", agent}, {"timestamp", timestamp}, {"diff_fields", {"load1", "pids.tmux.pane"}}};
  }
  static void Notify(HookPool& pool, const std::string& agent, const std::string& timestamp = "t") {
    pool.Notify(agent, Diff(agent, timestamp), {{"agent", agent}, {"load1", 0.5}});
  }
  static uint64_t Count(const HookPool& pool, const std::string& hook, const std::string& result) {
    return pool.Counts().at({hook, result});
  }
  // The pids that a hook wrote into "pids", once there are this many, have all ended.
  bool AllEnd(size_t count) const {
    std::vector<pid_t> pids;
    EXPECT_TRUE(base::WaitFor([&] {
      std::istringstream in(Text("pids"));
      pids.clear();
      for (pid_t pid = 0; in >> pid;) pids.push_back(pid);
      return pids.size() >= count;
    }));
    return base::WaitFor([&] { return std::all_of(pids.begin(), pids.end(), &base::HasEnded); });
  }

  kernel::FakeTree tree_;
  std::mutex mutex_;
  std::vector<std::string> log_;
};

TEST_F(HooksTest, ACommandIsToldInItsEnvironmentAndOnItsInput) {
  HookPool pool({Command("h",
                         "printf '%s|%s|%s|%s' \"$AGENT_EXPORTER_HOOK\" \"$AGENT_EXPORTER_AGENT\" "
                         "\"$AGENT_EXPORTER_TIMESTAMP\" \"$AGENT_EXPORTER_DIFF_FIELDS\" > env; cat > body")},
                nullptr);
  pool.Notify("my agent", Diff("my agent"), {{"load1", 0.5}});
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 1; }));
  EXPECT_EQ(Text("env"), "h|my agent|2026-01-02T03:04:05|load1,pids.tmux.pane");
  EXPECT_EQ(json::parse(Text("body")), json({{"agent", "my agent"},
                                             {"timestamp", "2026-01-02T03:04:05"},
                                             {"diff_fields", {"load1", "pids.tmux.pane"}},
                                             {"snapshot", {{"load1", 0.5}}}}));
}

TEST_F(HooksTest, RefusedThreadsItSaysSoAndRunsHooksOnceItHasSome) {
  base::RefusingSystem system;
  system.threads = 0;
  HookPool pool({Command("h", "exit 0")}, Log(), {}, system);
  for (int i = 0; i < 3; ++i) Notify(pool, "a");
  pool.WaitUntilIdle();
  EXPECT_THAT(log_, ElementsAre("hooks run on 0 of 4 threads: no more threads"));
  system.threads = 1;  // one is enough
  Notify(pool, "a");
  pool.WaitUntilIdle();
  EXPECT_EQ(Count(pool, "h", "ok"), 4u);
  EXPECT_EQ(log_.size(), 1u);
}

TEST_F(HooksTest, NoShellLooksAtTheCommand) {
  HookPool pool({{.name = "h", .command = {"/usr/bin/touch", Path("a; touch " + Path("b"))}}}, nullptr);
  tree_.MakeDirectory("a; touch " + tree_.root());
  Notify(pool, "a");
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 1; }));
  EXPECT_TRUE(std::filesystem::exists(Path("a; touch " + Path("b"))));
  EXPECT_FALSE(std::filesystem::exists(Path("b")));
}

TEST_F(HooksTest, AUrlIsTheSameTold) {
  const HttpSink sink("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  HookPool pool({{.name = "h", .url = sink.url(), .time_limit = 60s}}, nullptr);
  Notify(pool, "a", "t1");
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 1; }));
  const std::string request = sink.requests().at(0);
  EXPECT_EQ(json::parse(request.substr(request.find("\r\n\r\n"))),
            json({{"agent", "a"},
                  {"timestamp", "t1"},
                  {"diff_fields", {"load1", "pids.tmux.pane"}},
                  {"snapshot", {{"agent", "a"}, {"load1", 0.5}}}}));
}

TEST_F(HooksTest, AHookThatHangsIsEndedWithAllItStarted) {
  HookPool pool(
      {Command("h", "trap '' TERM; sleep 1000 & echo $! >> pids; echo $$ >> pids; wait; sleep 1000", 300ms)},
      Log());
  Notify(pool, "a");
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "timeout") == 1; }));
  EXPECT_TRUE(AllEnd(2));
}

TEST_F(HooksTest, AHookThatFloodsIsEnded) {
  HookPool pool({Command("h", "echo $$ > pids; exec yes")}, Log());
  Notify(pool, "a");
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "failed") == 1; }));
  EXPECT_TRUE(AllEnd(1));
}

TEST_F(HooksTest, AHookThatForksIsEndedWithAllItForked) {
  HookPool pool(
      {Command("h",
               "for i in 1 2 3 4 5 6 7 8 9 10; do sh -c 'echo $$ >> pids; sleep 1000 & echo $! >> pids; "
               "wait' & done; wait",
               1s)},
      Log());
  Notify(pool, "a");
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "timeout") == 1; }));
  EXPECT_TRUE(AllEnd(1));
}

TEST_F(HooksTest, AUrlThatNeverAnswersTimesOut) {
  const HttpSink silent("");
  HookPool pool({{.name = "h", .url = silent.url(), .time_limit = 100ms}}, Log());
  Notify(pool, "a");
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "timeout") == 1; }));
  EXPECT_EQ(silent.requests().size(), 1u);
}

TEST_F(HooksTest, AFailureIsCountedAndSaidOnce) {
  HookPool pool({Command("h", "test -e works && exit 0; echo first >&2; echo broken >&2; exit 3")}, Log());
  const auto run = [&](const char* result, uint64_t count) {
    Notify(pool, "a");
    return base::WaitFor([&] { return Count(pool, "h", result) == count; });
  };
  ASSERT_TRUE(run("failed", 1));
  ASSERT_TRUE(run("failed", 2));
  tree_.Write("works", "");
  ASSERT_TRUE(run("ok", 1));
  tree_.Remove("works");
  ASSERT_TRUE(run("failed", 3));
  const auto said = HasSubstr("hook \"h\" fails: exit code 3, said \"broken\"");
  ASSERT_TRUE(base::WaitFor([&] {
    const std::lock_guard<std::mutex> lock(mutex_);
    return log_.size() == 2;
  }));
  EXPECT_THAT(log_, ElementsAre(said, said));
}

TEST_F(HooksTest, AMissingProgramIsAFailure) {
  HookPool pool({{.name = "h", .command = {"/nowhere/at-all"}}}, Log());
  Notify(pool, "a");
  EXPECT_TRUE(base::WaitFor([&] { return Count(pool, "h", "failed") == 1; }));
}

// Four agents change while a hook hangs for good: the other hook is told of all four, and so is nobody twice.
TEST_F(HooksTest, AHookThatHangsSilencesNoOtherAndDelaysNobody) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  HookPool pool({Command("hangs", "echo x >> started; read line < fifo", 10min),
                 Command("works", "echo $AGENT_EXPORTER_AGENT >> told")},
                Log());
  for (const char* agent : {"a", "b", "c", "d"}) Notify(pool, agent);
  EXPECT_TRUE(base::WaitFor([&] { return Count(pool, "works", "ok") == 4; }));
  EXPECT_TRUE(base::WaitFor([&] { return Text("started") == "x\nx\nx\n"; }));  // one thread is always left
  EXPECT_EQ(Count(pool, "hangs", "ok") + Count(pool, "hangs", "timeout"), 0u);
}

TEST_F(HooksTest, AFullQueueDropsAndCounts) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  HookPool pool(
      {Command("h", "touch started; read line < fifo; echo $AGENT_EXPORTER_TIMESTAMP >> told", 10min)}, Log(),
      {.threads = 1, .queue = 3});
  Notify(pool, "a", "t0");
  ASSERT_TRUE(base::WaitFor([&] { return std::filesystem::exists(Path("started")); }));
  for (int i = 1; i <= 10; ++i) Notify(pool, "a", "t" + std::to_string(i));
  EXPECT_EQ(Count(pool, "h", "dropped"), 7u);
  for (int i = 0; i < 4; ++i) {
    std::ofstream(Path("fifo")) << "go\n";
    ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == static_cast<uint64_t>(i) + 1; }));
  }
  EXPECT_EQ(Text("told"), "t0\nt1\nt2\nt3\n");
}

TEST_F(HooksTest, ChangesOfOneAgentComeInOrderOneAtATime) {
  HookPool pool({Command("h", "mkdir busy || exit 1; echo $AGENT_EXPORTER_TIMESTAMP >> told; rmdir busy")},
                Log());
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    Notify(pool, "a", std::to_string(i));
    expected += std::to_string(i) + "\n";
  }
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") + Count(pool, "h", "failed") == 20; }));
  EXPECT_EQ(Count(pool, "h", "failed"), 0u);
  EXPECT_EQ(Text("told"), expected);
}

TEST_F(HooksTest, AgentsChooseWhatTheyAreToldOf) {
  HookOptions hook = Command("h", "echo $AGENT_EXPORTER_AGENT >> told");
  hook.agents = {"worker-*", "codex"};
  HookPool pool({hook}, Log());
  for (const char* agent : {"claude", "worker-1", "codex-2", "codex"}) Notify(pool, agent);
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 2; }));
  EXPECT_THAT(Text("told"), testing::AnyOf("worker-1\ncodex\n", "codex\nworker-1\n"));
}

TEST_F(HooksTest, EndsWhatRunsWhenItGoes) {
  const HttpSink silent("");
  {
    HookPool pool({Command("command", "echo $$ > pids; exec sleep 1000", 10min),
                   {.name = "url", .url = silent.url(), .time_limit = 10min}},
                  Log());
    Notify(pool, "a");
    ASSERT_TRUE(base::WaitFor([&] { return !Text("pids").empty() && silent.requests().size() == 1; }));
  }
  EXPECT_TRUE(AllEnd(1));
  EXPECT_THAT(log_, ElementsAre());
}

TEST_F(HooksTest, StrangeJsonAndLongListsAreSurvived) {
  HookPool pool({Command("h", "printf '%s' \"$AGENT_EXPORTER_DIFF_FIELDS\" > fields; cat > body")}, Log());
  json fields = json::array({1, nullptr});
  for (int i = 0; i < 10'000; ++i) fields.push_back("some.long.field.name." + std::to_string(i));
  pool.Notify("a", {{"timestamp", 5}, {"diff_fields", fields}}, {{"bad", "\xff"}});
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 1; }));
  EXPECT_LE(Text("fields").size(), 32u << 10);
  EXPECT_THAT(Text("fields"), testing::StartsWith("some.long.field.name.0,some.long.field.name.1,"));
  EXPECT_EQ(json::parse(Text("body")).at("diff_fields").size(), 10'002u);
  pool.Notify("a", json::array(), nullptr);
  EXPECT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 2; }));
}

}  // namespace
}  // namespace agent_exporter::snapshot

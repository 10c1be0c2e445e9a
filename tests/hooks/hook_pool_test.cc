#include "hooks/hook_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/base/refusing_system.h"
#include "tests/base/wait_for.h"
#include "tests/hooks/http_sink.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::hooks {
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
  static HookEvent Event(const std::string& agent, const std::string& timestamp = "t") {
    return {.agent = agent,
            .timestamp = timestamp,
            .environment = {{"AGENT_EXPORTER_MORE", "m"}},
            .details = {{"load1", 0.5}}};
  }
  static void Notify(HookPool& pool, const std::string& agent, const std::string& timestamp = "t") {
    pool.Notify(Event(agent, timestamp));
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
  HookOptions hook =
      Command("h",
              "printf '%s|%s|%s|%s|%s' \"$AGENT_EXPORTER_HOOK\" \"$AGENT_EXPORTER_EVENT\" "
              "\"$AGENT_EXPORTER_AGENT\" \"$AGENT_EXPORTER_TIMESTAMP\" \"$AGENT_EXPORTER_MORE\" "
              "> env; cat > body");
  hook.on = "on_leak";
  HookPool pool({hook}, nullptr);
  HookEvent event = Event("my agent");
  event.on = "on_leak";
  pool.Notify(event);
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 1; }));
  EXPECT_EQ(Text("env"), "h|on_leak|my agent|t|m");
  EXPECT_EQ(json::parse(Text("body")),
            json({{"event", "on_leak"}, {"agent", "my agent"}, {"timestamp", "t"}, {"load1", 0.5}}));
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
            json({{"event", ""}, {"agent", "a"}, {"timestamp", "t1"}, {"load1", 0.5}}));
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
    ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == static_cast<uint64_t>(i) + 1; }))
        << "after " << i << ": " << testing::PrintToString(pool.Counts()) << ", told " << Text("told");
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

TEST_F(HooksTest, AHookIsToldOfItsOwnEventOnly) {
  HookOptions leak = Command("leak", "echo leak >> told"), exit = Command("exit", "echo exit >> told");
  leak.on = "on_leak";
  exit.on = "on_exit";
  HookPool pool({leak, exit}, Log());
  HookEvent event = Event("a");
  event.on = "on_exit";
  pool.Notify(event);
  pool.WaitUntilIdle();
  EXPECT_EQ(Text("told"), "exit\n");
}

TEST_F(HooksTest, InvalidTextIsSurvived) {
  HookPool pool({Command("h", "cat > body")}, Log());
  HookEvent event = Event("a");
  event.details["bad"] = "\xff";
  pool.Notify(event);
  ASSERT_TRUE(base::WaitFor([&] { return Count(pool, "h", "ok") == 1; }));
  EXPECT_EQ(json::parse(Text("body")).at("bad"), "\uFFFD");
}

}  // namespace
}  // namespace agent_exporter::hooks

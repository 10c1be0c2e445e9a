#include "sessions/session_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "kernel/host.h"
#include "sessions/json_fields.h"
#include "tests/sessions/fake_claude.h"
#include "tests/sessions/transcript_builder.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionBookTest : public ::testing::Test {
 protected:
  SessionBookTest() { tree_.MakeDirectory(claude_->folder()); }

  SessionBook::Options Options() const {
    return {.procfs = "/proc",
            .home_of = [home = tree_.root() + "/home"](uid_t) { return std::optional(home); }};
  }
  // With HOME in the tree, so that nobody's real files are read.
  agents::Observation Observed(std::vector<agents::AgentSample> agents) {
    agents::Observation observation;
    observation.agents = std::move(agents);
    observation.boot_time_seconds =
        static_cast<double>(*kernel::ReadBootTime(kernel::RootedReader("/proc"))) + later_;
    observation.clock_ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    observation.wall_seconds = static_cast<double>(::time(nullptr));
    observation.monotonic_seconds = now_ += 5;
    return observation;
  }
  void Register(const FakeClaude& claude, const std::string& id, const nlohmann::json& more = {}) const {
    const auto key = claude.Agent().processes[0].key;
    nlohmann::json entry = {{"pid", key.pid},
                            {"procStart", std::to_string(key.start_ticks)},
                            {"sessionId", id},
                            {"cwd", std::filesystem::canonical(tree_.root() + "/work").string()}};
    if (more.is_object()) entry.update(more);
    tree_.Write("home/.claude/sessions/" + std::to_string(key.pid) + ".json", entry.dump());
  }
  void Write(const std::string& id, const std::string& text) const {
    tree_.Write(claude_->folder() + "/" + id + ".jsonl", text);
  }
  // Later than the start of any process of the test, as far as it is known.
  static double Now() { return static_cast<double>(::time(nullptr)) + 10; }
  static agents::AgentSample Both(const FakeClaude& one, const FakeClaude& other) {
    agents::AgentSample agent = one.Agent();
    agent.processes.push_back(other.Agent().processes[0]);
    return agent;
  }

  kernel::FakeTree tree_;
  std::unique_ptr<FakeClaude> claude_ = std::make_unique<FakeClaude>(tree_);
  double now_ = 1000;
  double later_ = 0;  // by how much later processes seem to have started
};

TEST_F(SessionBookTest, TwoSessionsInOneFolderAreTwo) {
  const FakeClaude second(tree_);
  Register(*claude_, "s1", {{"status", "busy"}});
  Register(second, "s2", {{"status", "waiting"}});
  Write("s1", Answer({.model = "one"}));
  Write("s2", Answer({.model = "two"}));
  SessionBook book(Options());
  const SessionsView view = book.Look(Observed({Both(*claude_, second)}));
  ASSERT_THAT(view.sessions, SizeIs(2));
  std::map<pid_t, const Session*> by_pid;
  for (const Session& session : view.sessions) by_pid[session.key.pid] = &session;
  const Session& one = *by_pid.at(claude_->Agent().processes[0].key.pid);
  const Session& two = *by_pid.at(second.Agent().processes[0].key.pid);
  EXPECT_EQ(one.state.model, "one");
  EXPECT_EQ(one.status, SessionStatus::kWorking);
  EXPECT_EQ(two.state.model, "two");
  EXPECT_EQ(two.status, SessionStatus::kWaiting);
  EXPECT_EQ(two.state.waiting_for, "permission");
  EXPECT_EQ(std::set({one.name, two.name}), (std::set<std::string>{"work", "work-2"}));
}

TEST_F(SessionBookTest, AWrapperAndItsProgramAreOneSession) {
  const FakeClaude program(tree_);
  Register(program, "s1", {{"name", "proj-47"}});
  agents::AgentSample agent = Both(*claude_, program);
  agent.processes[1].inner = true;
  agent.processes[1].ppid = agent.processes[0].key.pid;
  agent.processes[0].usage.resident_bytes = 100;
  agent.processes[1].usage.resident_bytes = 10;
  agent.processes[1].cpu_ratio = 0.5;
  SessionBook book(Options());
  // Its wrapper is there first.
  agents::AgentSample early = agent;
  early.processes.pop_back();
  EXPECT_THAT(book.Look(Observed({early})).sessions, IsEmpty());
  const SessionsView view = book.Look(Observed({agent}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].name, "proj-47");
  EXPECT_EQ(view.sessions[0].key, agent.processes[1].key);
  EXPECT_EQ(view.sessions[0].resident_bytes, 110u);
  EXPECT_EQ(view.sessions[0].cpu_ratio, 0.5);
}

TEST_F(SessionBookTest, AnEndedSessionIsShownForAWhile) {
  Register(*claude_, "s1");
  SessionBook book(Options());
  const agents::AgentSample agent = claude_->Agent();
  EXPECT_THAT(book.Look(Observed({agent})).sessions, SizeIs(1));
  SessionsView view = book.Look(Observed({}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].status, SessionStatus::kEnded);
  EXPECT_EQ(view.sessions[0].name, "work");
  // Its name goes to the next of that folder.
  const FakeClaude next(tree_);
  Register(next, "s2");
  view = book.Look(Observed({next.Agent()}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].key, next.Agent().processes[0].key);
  now_ += 400;
  EXPECT_THAT(book.Look(Observed({})).sessions, SizeIs(1));
  now_ += 400;
  EXPECT_THAT(book.Look(Observed({})).sessions, IsEmpty());
}

// The second process resumes the session of the first and has read all of its transcript.
TEST_F(SessionBookTest, AResumedSessionCountsNoTokenTwice) {
  Register(*claude_, "s1");
  Write("s1", Answer({.id = "m1", .timestamp = TimeText(Now())}));
  SessionBook book(Options());
  const std::pair key(AgentKey("claude", "", ""), std::string("claude-opus-4-5"));
  EXPECT_EQ(book.Look(Observed({claude_->Agent()})).tokens.at(key).output, 7u);
  const FakeClaude second(tree_);
  Register(second, "s1");
  later_ = 1000;  // it started long after that
  Write("s1", Answer({.id = "m1", .timestamp = TimeText(Now())}) +
                  Answer({.id = "m2", .timestamp = TimeText(Now() + later_)}));
  const SessionsView view = book.Look(Observed({second.Agent()}));
  EXPECT_EQ(view.tokens.at(key).output, 14u);
  ASSERT_THAT(view.sessions, SizeIs(1));  // it has taken over the name
  EXPECT_EQ(view.sessions[0].state.tokens->output, 14u);
}

TEST_F(SessionBookTest, TokensOnlyRise) {
  Register(*claude_, "s1");
  Write("s1", Answer({.id = "m1", .timestamp = TimeText(Now())}));
  SessionBook book(Options());
  const std::pair key(AgentKey("claude", "", ""), std::string("claude-opus-4-5"));
  EXPECT_EQ(book.Look(Observed({claude_->Agent()})).tokens.at(key).output, 7u);
  Write("s1", Answer({.id = "m1", .timestamp = TimeText(Now())}) +
                  Answer({.id = "m2", .timestamp = TimeText(Now())}));
  EXPECT_EQ(book.Look(Observed({claude_->Agent()})).tokens.at(key).output, 14u);
  EXPECT_EQ(book.Look(Observed({})).tokens.at(key).output, 14u);
}

TEST_F(SessionBookTest, PlanLimitsUntilTheyStartAnew) {
  Register(*claude_, "s1");
  const auto now = static_cast<uint64_t>(::time(nullptr));
  // The environment of a fake is the test's own; the folder below the home is its.
  if (::getenv("XDG_RUNTIME_DIR") != nullptr) GTEST_SKIP() << "the status line is kept elsewhere";
  tree_.Write("home/.cache/agent_exporter/claude/s1.json",
              nlohmann::json{{"session_id", "s1"},
                             {"told", now},
                             {"limits",
                              {{{"window", "5h"}, {"used_ratio", 0.9}, {"reset", now + 1000}},
                               {{"window", "7d"}, {"used_ratio", 0.4}, {"reset", now - 10}}}}}
                  .dump());
  SessionBook book(Options());
  const SessionsView view = book.Look(Observed({claude_->Agent()}));
  ASSERT_THAT(view.limits, SizeIs(1));
  EXPECT_EQ(view.limits[0].limit.window, "5h");
  EXPECT_EQ(view.limits[0].limit.used_ratio, 0.9);
}

TEST_F(SessionBookTest, SwitchedOffNothingIsRead) {
  Register(*claude_, "s1");
  SessionBook::Options off = Options();
  off.enabled = false;
  EXPECT_THAT(SessionBook(off).Look(Observed({claude_->Agent()})).sessions, IsEmpty());
  SessionBook::Options none = Options();
  none.meta = {{.agent = "cl*", .source = MetaOptions::Source::kNone}};
  EXPECT_THAT(SessionBook(none).Look(Observed({claude_->Agent()})).sessions, IsEmpty());
}

TEST_F(SessionBookTest, WhatTheAgentTellsItselfWins) {
  Register(*claude_, "s1");
  Write("s1", Answer({.tools = {{"Task", "t1"}}}));
  SessionBook::Options options = Options();
  options.told = [](const agents::AgentSample&) { return AgentMeta{.context_pct = 75, .model = "told"}; };
  SessionBook book(options);
  const SessionsView view = book.Look(Observed({claude_->Agent()}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].state.model, "told");
  EXPECT_EQ(view.sessions[0].context_ratio(), 0.75);
  EXPECT_EQ(view.sessions[0].state.subagents, 1u);
}

// A wrapper of another name, for which the configuration says claude-code.
TEST_F(SessionBookTest, TheConfigurationNamesTheReader) {
  const FakeClaude other(tree_, "wrapper");
  Register(other, "s1");
  Write("s1", Answer({}));
  EXPECT_THAT(SessionBook(Options()).Look(Observed({other.Agent("w")})).sessions, IsEmpty());
  SessionBook::Options options = Options();
  options.meta = {{.agent = "w", .source = MetaOptions::Source::kClaudeCode, .context_window = 500'000}};
  SessionBook book(options);
  const SessionsView view = book.Look(Observed({other.Agent("w")}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].context_ratio(), 0.1);
}

TEST_F(SessionBookTest, ACoderWithoutAReaderHasWhatItsProcessesTell) {
  const FakeClaude other(tree_, "someone");
  agents::AgentSample agent = other.Agent("someone");
  SessionBook book(Options());
  EXPECT_THAT(book.Look(Observed({agent})).sessions, IsEmpty());
  agent.kind = "coder";
  agent.processes[0].cpu_ratio = 1;
  const SessionsView view = book.Look(Observed({agent}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].name, "work");
  EXPECT_EQ(view.sessions[0].status, SessionStatus::kWorking);
  EXPECT_EQ(view.sessions[0].state.model, std::nullopt);
}

TEST_F(SessionBookTest, TheWrappersFolderNamesTheSession) {
  const FakeClaude wrapper(tree_, "someone");
  agents::AgentSample agent = wrapper.Agent("someone");
  agent.kind = "coder";
  agents::ProcessSample program = agent.processes[0];  // this process, which runs elsewhere
  program.key = {::getpid(), 0};
  program.ppid = agent.processes[0].key.pid;
  program.inner = true;
  agent.processes.push_back(program);
  SessionBook book(Options());
  const SessionsView view = book.Look(Observed({agent}));
  ASSERT_THAT(view.sessions, SizeIs(1));
  EXPECT_EQ(view.sessions[0].key.pid, ::getpid());
  EXPECT_EQ(view.sessions[0].name, "work");
}

TEST(MetaOfTest, TheNewestSessionSpeaksForItsAgent) {
  EXPECT_FALSE(MetaOf({}));
  Session old, fresh, ended;
  old.read = fresh.read = ended.read = true;
  old.state = {.model = "old", .last_activity = 100};
  fresh.state = {.model = "fresh", .last_activity = 200, .context_tokens = 50, .context_window = 200};
  ended.state = {.model = "ended", .last_activity = 300};
  ended.status = SessionStatus::kEnded;
  const auto meta = MetaOf({old, fresh, ended});
  EXPECT_EQ(meta->model, "fresh");
  EXPECT_EQ(meta->context_pct, 25);
  EXPECT_EQ(meta->last_activity, "1970-01-01T00:03:20Z");
  EXPECT_FALSE(MetaOf({Session()}));
}

}  // namespace
}  // namespace agent_exporter::sessions

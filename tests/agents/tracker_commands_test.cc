// The Tracker by command: whose CPU, whose starts and failures.

#include "tests/agents/tracker_events_fixture.h"

namespace agent_exporter::agents {
namespace {

class TrackerCommandsTest : public TrackerEventsTest {
 protected:
  void Exec(pid_t pid, std::vector<std::string> argv) {
    t_.host.Exec(pid, argv.at(0));
    const kernel::ProcessStat& stat = t_.host.at(pid);
    TellExec(stat.key, stat.ppid, stat.start_stack, std::move(argv));
  }
  void TellExec(const kernel::ProcessKey& key, pid_t parent, uint64_t start_stack,
                std::vector<std::string> argv) {
    auto program = std::make_shared<kernel::Program>();
    program->start_stack = start_stack;
    program->argv = std::move(argv);
    const std::string comm = program->argv.at(0);
    Tell({.kind = Kind::kExec, .key = key, .parent = parent, .comm = comm, .program = std::move(program)});
  }
  // It runs, ends and is waited for.
  void End(pid_t pid, int64_t cpu_ns, int status = 0) {
    t_.host.Run(pid, cpu_ns);
    Tell({.kind = Kind::kExit,
          .key = t_.host.at(pid).key,
          .status = status,
          .used = kernel::CpuTimes{cpu_ns, 0},
          .max_resident_bytes = 4096});
    t_.host.ExitAndReap(pid);
  }
  CommandUse Command(const std::string& name) {
    for (const auto& [key, group] : t_.tracker().groups().groups()) {
      if (group->name != "codex") continue;
      for (const CommandUse& use : group->commands.Uses()) {
        if (use.command == name) return use;
      }
    }
    return {};
  }
  int64_t Sum() {
    int64_t sum = 0;
    for (const auto& [key, group] : t_.tracker().groups().groups()) {
      if (group->name != "codex") continue;
      for (const CommandUse& use : group->commands.Uses()) sum += use.cpu_ns;
    }
    return sum;
  }
};

TEST_F(TrackerCommandsTest, ChildrenThatNoLookSawCountExactly) {
  for (int i = 0; i < 20; ++i) {
    const auto git = static_cast<pid_t>(100 + 2 * i), rg = static_cast<pid_t>(101 + 2 * i);
    Fork(git, 10);
    Exec(git, {"git", "status"});
    End(git, 3 * kMs);
    Fork(rg, 10);
    Exec(rg, {"rg", "x"});
    End(rg, kMs, 1 << 8);
    if (i % 7 == 0) Look();
  }
  Look();
  EXPECT_EQ(Command("git").started, 20u);
  EXPECT_EQ(Command("git").failed, 0u);
  EXPECT_EQ(Command("git").cpu_ns, 60 * kMs);
  EXPECT_EQ(Command("git").max_resident_bytes, 4096u);
  EXPECT_EQ(Command("rg").started, 20u);
  EXPECT_EQ(Command("rg").failed, 20u);
  EXPECT_EQ(Command("rg").cpu_ns, 20 * kMs);
  EXPECT_EQ(Sum(), Codex().descendants_cpu.total_ns());
}

TEST_F(TrackerCommandsTest, WhatWasCountedAliveIsNotCountedAgain) {
  Fork(100, 10);
  Exec(100, {"node", "/opt/mcp-server.cjs"});
  t_.host.Run(100, 50 * kMs);
  Look();
  EXPECT_EQ(Command("mcp-server.cjs").cpu_ns, 50 * kMs);
  EXPECT_EQ(Command("mcp-server.cjs").started, 1u);
  Fork(101, 10);
  Exec(101, {"git"});
  End(101, 10 * kMs);
  t_.host.Run(100, 5 * kMs);
  Tell({.kind = Kind::kExit, .key = t_.host.at(100).key, .used = kernel::CpuTimes{55 * kMs, 0}});
  t_.host.ExitAndReap(100);
  Look();
  EXPECT_EQ(Command("mcp-server.cjs").cpu_ns, 55 * kMs);
  EXPECT_EQ(Command("git").cpu_ns, 10 * kMs);
  EXPECT_EQ(Sum(), Codex().descendants_cpu.total_ns());
}

TEST_F(TrackerCommandsTest, AForkThatRunsNoProgramIsItsParentsCommand) {
  Fork(100, 10);
  Exec(100, {"bash"});
  Fork(101, 100);
  End(101, 2 * kMs);
  Look();
  EXPECT_EQ(Command("bash").started, 2u);
  EXPECT_EQ(Command("bash").cpu_ns, 2 * kMs);
}

// As netlink tells it: an execve without its program, and a name at the end.
TEST_F(TrackerCommandsTest, ANameThatComesWithTheEndIsTaken) {
  Fork(100, 10);
  Tell({.kind = Kind::kExec, .key = t_.host.at(100).key});
  t_.host.Run(100, 4 * kMs);
  Tell({.kind = Kind::kExit,
        .key = t_.host.at(100).key,
        .status = 9,
        .used = kernel::CpuTimes{4 * kMs, 0},
        .comm = "sleep"});
  t_.host.ExitAndReap(100);
  Look();
  EXPECT_EQ(Command("sleep").started, 1u);
  EXPECT_EQ(Command("sleep").failed, 1u);
  EXPECT_EQ(Command("sleep").cpu_ns, 4 * kMs);
}

TEST_F(TrackerCommandsTest, WhoIsFoundAliveIsNamedByItsCommandLine) {
  t_.host.Add(100, 10, "git");
  t_.host.Run(100, kMs);
  Look();
  t_.Look();
  t_.Look();
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("git").cpu_ns, kMs);
  EXPECT_EQ(t_.Member(100)->command, "git");
  t_.host.Exec(100, "rg");
  t_.Look();
  EXPECT_EQ(t_.Member(100)->command, "rg");
  EXPECT_EQ(Command("rg").started, 1u);
}

TEST_F(TrackerCommandsTest, AnExecThatALookSawBeforeItsEventIsOneStart) {
  Fork(100, 10);
  Exec(100, {"bash"});
  t_.host.Exec(100, "git");
  Look();
  TellExec(t_.host.at(100).key, 10, t_.host.at(100).start_stack, {"git"});
  Look();
  EXPECT_EQ(Command("bash").started, 1u);
  EXPECT_EQ(Command("git").started, 1u);
}

TEST_F(TrackerCommandsTest, ACopyThatALookSawBeforeItsExecIsNoStart) {
  Fork(100, 10);
  Look();
  Exec(100, {"git"});
  End(100, kMs);
  Look();
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("codex").started, 0u);
}

TEST_F(TrackerCommandsTest, ACopyThatStaysOneIsAStart) {
  Fork(100, 10);
  Look();
  Look();
  EXPECT_EQ(Command("codex").started, 1u);
  End(100, kMs);
  Look();
  EXPECT_EQ(Command("codex").started, 1u);
}

TEST_F(TrackerCommandsTest, AChildThatALookSawBeforeAllItsEventsIsOneStart) {
  t_.host.Fork(100, 10);
  t_.host.Exec(100, "git");
  t_.Look();
  Tell({.kind = Kind::kFork, .key = t_.host.at(100).key, .parent = 10, .comm = "codex"});
  Exec(100, {"git"});
  End(100, kMs);
  Look();
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("codex").started, 0u);
}

// The proc connector's messages come from several CPUs.
TEST_F(TrackerCommandsTest, AnExecThatIsToldBeforeTheForkNamesTheChild) {
  t_.host.Fork(100, 10);
  t_.host.Exec(100, "git");
  Tell({.kind = Kind::kExec, .key = t_.host.at(100).key});
  Tell({.kind = Kind::kFork, .key = t_.host.at(100).key, .parent = 10, .comm = "codex"});
  Tell({.kind = Kind::kExit, .key = t_.host.at(100).key, .status = 1 << 8, .comm = "git"});
  t_.host.ExitAndReap(100);
  Look();
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("git").failed, 1u);
  EXPECT_EQ(Command("codex").started, 0u);
}

TEST_F(TrackerCommandsTest, AnExecThatWasToldALookTooEarlyShowsInTheNameAtTheEnd) {
  t_.host.Fork(100, 10);
  Tell({.kind = Kind::kExec, .key = t_.host.at(100).key});
  t_.host.ExitAndReap(100);
  Look();
  const kernel::ProcessKey key{100, t_.host.now()};
  Tell({.kind = Kind::kFork, .key = key, .parent = 10, .comm = "codex"});
  Tell({.kind = Kind::kExit, .key = key, .comm = "git"});
  Look();
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("codex").started, 0u);
}

TEST_F(TrackerCommandsTest, AnExecThatIsToldAfterTheProcessIsGoneIsItsOwn) {
  Fork(100, 10);
  t_.host.Exec(100, "git");
  const kernel::ProcessKey key = t_.host.at(100).key;
  t_.host.ExitAndReap(100);
  Look();
  TellExec(key, 10, 0, {"git"});
  Tell({.kind = Kind::kExit, .key = key, .status = 1 << 8});
  Look();
  EXPECT_EQ(Codex().descendants_started, 1u);
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("git").failed, 1u);
}

TEST_F(TrackerCommandsTest, AProgramThatCouldNotBeReadIsNotItsParentsProgram) {
  Fork(100, 10);
  t_.host.Exec(100, "git");
  t_.unanswered = true;
  Look();
  ASSERT_NE(t_.Member(100), nullptr);
  EXPECT_EQ(t_.Member(100)->role, Role::kDescendant);
  End(100, kMs);
  Look();
  EXPECT_EQ(Codex().descendants_exited.at("ok"), 1u);
}

TEST_F(TrackerCommandsTest, AnExecThatIsToldOfAZombieNamesIt) {
  Fork(100, 10);
  t_.host.Exit(100);
  Look();
  TellExec(t_.host.at(100).key, 10, 0x7fff'0000, {"git"});
  Tell({.kind = Kind::kExit, .key = t_.host.at(100).key});
  Look();
  EXPECT_EQ(Command("git").started, 1u);
  EXPECT_EQ(Command("codex").started, 0u);
  EXPECT_EQ(Codex().descendants_exited.at("ok"), 1u);
}

TEST_F(TrackerCommandsTest, OfAChildThatNobodyWaitsForTheLastFigureCounts) {
  Fork(100, 10);
  Exec(100, {"git"});
  Tell({.kind = Kind::kExit,
        .key = t_.host.at(100).key,
        .cpu = kernel::LastCpu{{6 * kMs, 0}, kernel::CpuTimes{}},
        .used = kernel::CpuTimes{6 * kMs, 0}});
  Tell({.kind = Kind::kFinalCpu,
        .key = t_.host.at(100).key,
        .cpu = kernel::LastCpu{{7 * kMs, 0}, kernel::CpuTimes{}}});
  t_.host.Vanish(100);
  for (int i = 0; i < 4; ++i) Look();
  EXPECT_EQ(Command("git").cpu_ns, 7 * kMs);
  EXPECT_EQ(Sum(), Codex().descendants_cpu.total_ns());
}

}  // namespace
}  // namespace agent_exporter::agents

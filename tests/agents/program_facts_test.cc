#include "agents/program_facts.h"

#include <gtest/gtest.h>

#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {
namespace {

std::shared_ptr<kernel::Program> Told() {
  auto program = std::make_shared<kernel::Program>();
  program->argv = {"codex", "exec"};
  program->path = "/usr/bin/codex";
  program->uid = 7;
  return program;
}

std::unique_ptr<FakeFacts> Live() {
  auto live =
      std::make_unique<FakeFacts>(Process("codex", {"codex", "exec", "more"}, "/opt/codex/bin/codex"));
  live->cwd_value = "/work";
  live->cgroup_value = "0::/codex.service\n";
  return live;
}

TEST(ProgramFacts, OfOneThatIsGoneAreWhatItsExecTold) {
  int asked = 0;
  ProgramFacts facts(Told(), Live(), [&asked] { return ++asked, false; });
  EXPECT_EQ(facts.comm(), "codex");
  EXPECT_EQ(facts.argv(), (std::vector<std::string>{"codex", "exec"}));
  EXPECT_EQ(facts.uid(), 7u);
  EXPECT_EQ(asked, 0) << "nothing that /proc must be asked for";
  EXPECT_EQ(facts.exe(), "/usr/bin/codex");
  EXPECT_EQ(facts.cwd(), "");
  EXPECT_EQ(facts.cgroup(), "");
  EXPECT_EQ(asked, 1);
}

TEST(ProgramFacts, OfOneThatLivesAreCompletedFromProc) {
  ProgramFacts facts(Told(), Live(), [] { return true; });
  EXPECT_EQ(facts.argv(), (std::vector<std::string>{"codex", "exec"})) << "as of the execve";
  EXPECT_EQ(facts.exe(), "/opt/codex/bin/codex");
  EXPECT_EQ(facts.cwd(), "/work");
  EXPECT_EQ(facts.cgroup(), "0::/codex.service\n");
}

TEST(ProgramFacts, ArgumentsThatWereCutAreReadWholeWhileTheyCanBe) {
  for (const bool lives : {true, false}) {
    auto cut = Told();
    cut->argv_cut = true;
    ProgramFacts facts(cut, Live(), [lives] { return lives; });
    EXPECT_EQ(facts.argv().size(), lives ? 3u : 2u);
  }
}

}  // namespace
}  // namespace agent_exporter::agents

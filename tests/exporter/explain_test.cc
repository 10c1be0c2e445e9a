#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "exporter/commands.h"
#include "tests/kernel/fake_tree.h"
#include "tests/serve/fake_procfs.h"

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ExplainTest : public testing::Test {
 protected:
  int Run(const std::string& target) {
    files_.Write("agents.yaml",
                 "builtin_profiles: false\n"
                 "agents:\n"
                 "  - match: {comm: codex}\n"
                 "  - name: any\n"
                 "    match: {comm: [codex, claude]}\n"
                 "  - name: gemini\n"
                 "    match: {script: gemini, package: '@google/gemini-cli'}\n");
    Options options;
    options.socket = "none";
    options.procfs = options.sysfs = proc_.root();
    options.config_file = files_.root() + "/agents.yaml";
    options.target = target;
    return RunExplain(options, out_, err_);
  }
  kernel::FakeTree files_;
  serve::FakeProcfs proc_;
  std::ostringstream out_, err_;
};

TEST_F(ExplainTest, ARootAndTheRuleThatTookIt) {
  proc_.AddProcess(7, 1, "codex");
  ASSERT_EQ(Run("7"), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("pid 7, comm codex"), HasSubstr("It is a root of agent \"codex\"."),
                                testing::ContainsRegex("TAKEN +[^ ]*agents.yaml:3 \\(codex\\)"),
                                testing::ContainsRegex("later +[^ ]*agents.yaml:4 \\(any\\)")));
}

TEST_F(ExplainTest, ADescendantAndItsRoot) {
  proc_.AddProcess(7, 1, "codex");
  proc_.AddProcess(8, 7, "sh");
  proc_.AddProcess(9, 8, "git");
  ASSERT_EQ(Run("9"), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("It is a descendant of agent \"codex\" (root: pid 7, codex)."),
                                HasSubstr("  no "), Not(HasSubstr("TAKEN"))));
}

TEST_F(ExplainTest, AStranger) {
  ASSERT_EQ(Run("1"), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("It belongs to no agent."));
}

TEST_F(ExplainTest, TheNearestRuleAndWhatFailed) {
  proc_.AddProcess(7, 1, "node");
  proc_.Write("7/cmdline", std::string("node\0/srv/gemini.js\0", 20));
  ASSERT_EQ(Run("7"), 0) << err_.str();
  EXPECT_THAT(out_.str(), testing::ContainsRegex(
                              "\nNearest: [^ ]*agents.yaml:6 \\(gemini\\), but it belongs to no package, "
                              "wants @google/gemini-cli\\.\n"));
}

TEST_F(ExplainTest, ANameIsTheRootsOfItsAgentAndStrangersCalledSo) {
  proc_.AddProcess(7, 1, "codex");
  proc_.AddProcess(8, 7, "codex");
  proc_.AddProcess(9, 1, "sh");
  proc_.Write("9/cmdline", std::string("sh\0/x/codex\0", 12));
  ASSERT_EQ(Run("codex"), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("pid 7, comm codex: It is a root of agent \"codex\". "),
                    HasSubstr("(codex) matched: comm is \"codex\"\n"),
                    HasSubstr("pid 9, comm sh: It belongs to no agent.\n"), Not(HasSubstr("pid 8"))));
}

TEST_F(ExplainTest, ANameThatOneProcessHasIsToldInFull) {
  proc_.AddProcess(7, 1, "codex");
  ASSERT_EQ(Run("codex"), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("pid 7, comm codex\n"), HasSubstr("Rules, in order:")));
}

TEST_F(ExplainTest, NoSuchProcess) {
  EXPECT_EQ(Run("nobody"), 1);
  EXPECT_THAT(err_.str(), HasSubstr("no process nobody"));
  err_.str("");
  EXPECT_EQ(Run("4711"), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), AllOf(testing::StartsWith("agent_exporter: "), HasSubstr("no process 4711")));
}

}  // namespace
}  // namespace agent_exporter::exporter

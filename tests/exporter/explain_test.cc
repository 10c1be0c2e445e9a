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
  int Run(pid_t pid) {
    files_.Write("agents.yaml",
                 "builtin_profiles: false\n"
                 "agents:\n"
                 "  - match: {comm: codex}\n"
                 "  - name: any\n"
                 "    match: {comm: [codex, claude]}\n");
    Options options;
    options.procfs = options.sysfs = proc_.root();
    options.config_file = files_.root() + "/agents.yaml";
    options.pid = pid;
    return RunExplain(options, out_, err_);
  }
  kernel::FakeTree files_;
  serve::FakeProcfs proc_;
  std::ostringstream out_, err_;
};

TEST_F(ExplainTest, ARootAndTheRuleThatTookIt) {
  proc_.AddProcess(7, 1, "codex");
  ASSERT_EQ(Run(7), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("pid 7, comm codex"), HasSubstr("It is a root of agent \"codex\"."),
                                testing::ContainsRegex("TAKEN +[^ ]*agents.yaml:3 \\(codex\\)"),
                                testing::ContainsRegex("later +[^ ]*agents.yaml:4 \\(any\\)")));
}

TEST_F(ExplainTest, ADescendantAndItsRoot) {
  proc_.AddProcess(7, 1, "codex");
  proc_.AddProcess(8, 7, "sh");
  proc_.AddProcess(9, 8, "git");
  ASSERT_EQ(Run(9), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("It is a descendant of agent \"codex\" (root: pid 7, codex)."),
                                HasSubstr("  no "), Not(HasSubstr("TAKEN"))));
}

TEST_F(ExplainTest, AStranger) {
  ASSERT_EQ(Run(1), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("It belongs to no agent."));
}

TEST_F(ExplainTest, NoSuchProcess) {
  EXPECT_EQ(Run(4711), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), AllOf(testing::StartsWith("agent_exporter: "), HasSubstr("no process 4711")));
}

}  // namespace
}  // namespace agent_exporter::exporter

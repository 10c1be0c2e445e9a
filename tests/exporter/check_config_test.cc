#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "exporter/commands.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CheckConfigTest : public testing::Test {
 protected:
  int Check(const std::string& text) {
    tree_.Write("agents.yaml", text);
    Options options;
    options.check_file = tree_.root() + "/agents.yaml";
    return RunCheckConfig(options, out_, err_);
  }
  kernel::FakeTree tree_;
  std::ostringstream out_, err_;
};

TEST_F(CheckConfigTest, AGoodFileIsCounted) {
  EXPECT_EQ(Check("builtin_profiles: false\nagents: [{match: {comm: codex}}]\n"), 0);
  EXPECT_THAT(out_.str(), testing::EndsWith("agents.yaml: OK, 1 rule of your own and 0 built-in\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CheckConfigTest, ABadOneIsExitCodeTwoAndOneLine) {
  EXPECT_EQ(Check("max_agents: 3\nagnets: []\n"), 2);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), AllOf(testing::StartsWith("agent_exporter: "), HasSubstr("agents.yaml:2:"),
                                HasSubstr("did you mean agents?"), testing::EndsWith("?\n")));
}

TEST_F(CheckConfigTest, AMissingOneIsExitCodeOne) {
  Options options;
  options.check_file = tree_.root() + "/missing.yaml";
  EXPECT_EQ(RunCheckConfig(options, out_, err_), 1);
  EXPECT_THAT(err_.str(), HasSubstr("missing.yaml"));
}

}  // namespace
}  // namespace agent_exporter::exporter

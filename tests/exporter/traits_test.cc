#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "exporter/commands.h"
#include "tests/serve/fake_procfs.h"

namespace agent_exporter::exporter {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class RunTraitsTest : public testing::Test {
 protected:
  int Run(const std::string& agent = "", Options options = {}) {
    options.socket = "none";
    options.procfs = options.sysfs = proc_.root();
    options.agent = agent;
    out_.str("");
    err_.str("");
    return RunTraits(options, out_, err_);
  }
  serve::FakeProcfs proc_;
  kernel::FakeTree files_;
  std::ostringstream out_, err_;
};

TEST_F(RunTraitsTest, TheOneThatRunsIsMeant) {
  proc_.AddProcess(7, 1, "codex");
  proc_.AddProcess(8, 7, "git");
  ASSERT_EQ(Run(), 0) << err_.str();
  const json traits = json::parse(out_.str());
  EXPECT_EQ(traits.at("agent"), "codex");
  EXPECT_EQ(traits.at("agent_self").at("rss_bytes"), 400 * 1024);
  EXPECT_EQ(traits.at("agent_self").at("descendants"), 1);
}

TEST_F(RunTraitsTest, OfSeveralOneMustBeNamed) {
  proc_.AddProcess(7, 1, "codex");
  proc_.AddProcess(8, 1, "claude");
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_.str(), testing::AllOf(HasSubstr("claude"), HasSubstr("codex"), HasSubstr("--agent")));
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(Run("codex"), 0);
  EXPECT_EQ(json::parse(out_.str()).at("agent"), "codex");
}

TEST_F(RunTraitsTest, SlotsOfOneNameAreToldApart) {
  proc_.AddProcess(7, 1, "worker-1");
  proc_.AddProcess(8, 1, "worker-2");
  files_.Write("rules.yaml",
               "agents:\n"
               "  - {name: worker, kind: a, slot: \"1\", match: {comm: worker-1}}\n"
               "  - {name: worker, kind: b, slot: \"2\", match: {comm: worker-2}}\n");
  Options options;
  options.config_file = files_.root() + "/rules.yaml";
  EXPECT_EQ(Run("worker", options), 2);
  EXPECT_THAT(err_.str(),
              testing::AllOf(HasSubstr("worker kind a slot 1, worker kind b slot 2"), HasSubstr("--slot")));
  options.slot = "2";
  ASSERT_EQ(Run("worker", options), 0) << err_.str();
  EXPECT_EQ(json::parse(out_.str()).at("kind"), "b");
  options.kind = "a";
  EXPECT_EQ(Run("worker", options), 1);
  EXPECT_THAT(err_.str(), HasSubstr("no agent \"worker\" kind a slot 2 runs now"));
}

TEST_F(RunTraitsTest, FillsATemplate) {
  proc_.AddProcess(7, 1, "codex");
  files_.Write("template", "rss={{ .Traits.agent_self.rss_bytes }}\n");
  Options options;
  options.template_file = files_.root() + "/template";
  ASSERT_EQ(Run("", options), 0) << err_.str();
  EXPECT_EQ(out_.str(), "rss=" + std::to_string(400 * 1024) + "\n");
  files_.Write("template", "\n{{ .Traits.agent_self.nothing }}\n");
  EXPECT_EQ(Run("", options), 2);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("template:2: "));
  options.template_file += ".missing";
  EXPECT_EQ(Run("", options), 1);
}

TEST_F(RunTraitsTest, NoneIsAnError) {
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(Run("codex"), 1);
  EXPECT_THAT(err_.str(), HasSubstr("\"codex\""));
}

}  // namespace
}  // namespace agent_exporter::exporter

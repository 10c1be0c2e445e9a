// argv0, package, args, environ and not; script through its symlink; and what explain says of each.

#include "agents/program_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "agents/rules.h"
#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {
namespace {

using testing::HasSubstr;

RuleSet MakeSet(const std::function<void(Rule&)>& fill) {
  Rule rule;
  rule.name = "hit";
  fill(rule);
  absl::StatusOr<RuleSet> set = RuleSet::Make({rule});
  if (!set.ok()) throw std::runtime_error(set.status().ToString());
  return *std::move(set);
}

bool Hit(const std::function<void(Rule&)>& fill, FakeFacts facts) {
  return MakeSet(fill).Find(facts).has_value();
}

std::string Reason(const std::function<void(Rule&)>& fill, FakeFacts facts) {
  return MakeSet(fill).Explain(facts)[0].reason;
}

std::string Why(const std::function<void(Rule&)>& fill, FakeFacts facts) {
  return MakeSet(fill).Find(facts)->reason->what;
}

TEST(Argv0ConditionTest, IsAPathWithItsBlanksOrAWholeTitle) {
  const auto claude = [](Rule& r) { r.argv0 = {"claude", "claude bg-*"}; };
  EXPECT_TRUE(Hit(claude, Process("x", {"claude"})));
  EXPECT_TRUE(Hit(claude, Process("x", {"/home/u/My Apps/claude", "-p"})));
  EXPECT_TRUE(Hit(claude, Process("x", {"claude bg-spare"})));
  EXPECT_TRUE(Hit(claude, Process("x", {".claude-wrapped_"})));
  EXPECT_FALSE(Hit(claude, Process("x", {"npm exec @x/claude"}))) << "a title, not a path";
  EXPECT_FALSE(Hit(claude, Process("claude")));
  EXPECT_EQ(Reason(claude, Process("x", {"sh"})), "argv0 is \"sh\", wants one of claude, claude bg-*");
  EXPECT_EQ(Why(claude, Process("x", {"/secret/claude"})), "argv0 is one of claude, claude bg-*");
}

TEST(ScriptConditionTest, IsWhatItsSymlinkPointsToAsWell) {
  const auto gemini = [](Rule& r) { r.script = {"@google/gemini-cli/**"}; };
  FakeFacts facts = Process("node", {"node", "/usr/bin/gemini"});
  EXPECT_FALSE(Hit(gemini, facts));
  facts.links = {{"/usr/bin/gemini", "../lib/node_modules/@google/gemini-cli/dist/index.js"}};
  EXPECT_TRUE(Hit(gemini, facts));
  EXPECT_THAT(Reason([](Rule& r) { r.script = {"other"}; }, facts),
              HasSubstr("script is \"/usr/bin/gemini\" (a link to \"../lib/node_modules/@google/"));
}

TEST(PackageConditionTest, IsOfTheScriptItsTargetOrTheProgram) {
  const auto codex = [](Rule& r) { r.package = {"@openai/codex*"}; };
  FakeFacts link = Process("node", {"node", "/usr/bin/codex"}, "/usr/bin/node");
  link.links = {{"/usr/bin/codex", "/l/node_modules/@openai/codex/bin/codex.js"}};
  EXPECT_TRUE(Hit(codex, link));
  EXPECT_TRUE(Hit(codex, Process("codex", {"codex"}, "/l/node_modules/@openai/codex-linux-x64/codex")));
  EXPECT_TRUE(Hit(codex, Process("codex", {"/l/node_modules/@openai/codex-linux-x64/codex"})));
  EXPECT_TRUE(Hit(codex, Process("node", {"npm exec @openai/codex"}))) << "what a runner runs";
  EXPECT_FALSE(Hit(codex, Process("node", {"node", "/srv/codex.js"}, "/l/node_modules/@openai/codex/node")));
  EXPECT_EQ(Reason(codex, Process("sh", {"sh"})), "it belongs to no package, wants @openai/codex*");
}

TEST(ArgsConditionTest, SeesOneWordALine) {
  const auto with = [](const char* args) { return [args](Rule& r) { r.args = args; }; };
  const FakeFacts facts = Process("x", {"/a b/prog", "run", "say --yes\nand", "-v"});
  EXPECT_TRUE(Hit(with("^run$"), facts));
  EXPECT_TRUE(Hit(with(R"(\Arun$)"), facts));
  EXPECT_TRUE(Hit(with("^-v$"), facts));
  EXPECT_FALSE(Hit(with("^--yes"), facts)) << "within another word";
  EXPECT_FALSE(Hit(with("^and"), facts)) << "a newline within a word";
  EXPECT_FALSE(Hit(with("prog"), facts));
  EXPECT_TRUE(Hit(with(R"(\A\z)"), Process("x", {"prog"}))) << "none at all";
  EXPECT_FALSE(Hit(with(R"(\A\z)"), Process("kthreadd")));
  EXPECT_TRUE(Hit(with(R"(\Aworker$)"), Process("x", {"python3", "-m", "celery", "worker"})));
  EXPECT_EQ(Reason(with("^x$"), facts), "args is \"run say --yes and -v\", wants a match of /(?m)^x$/");
  EXPECT_EQ(Why(with("^run$"), facts), "args are a match of /(?m)^run$/") << "may hold secrets";
}

TEST(ArgsConditionTest, AnUnreadableRemainderIsTold) {
  FakeFacts facts = Process("x", {"prog", "run"});
  facts.cut = true;
  EXPECT_THAT(Reason([](Rule& r) { r.args = "^x$"; }, facts),
              HasSubstr("(the command line continues after 9 bytes, which could not be read)"));
  EXPECT_THAT(Reason([](Rule& r) { r.cmdline = "^x$"; }, facts), HasSubstr("continues after 9 bytes"));
}

TEST(EnvironConditionTest, IsANameOrANameAndItsValue) {
  const auto with = [](const char* word) { return [word](Rule& r) { r.environ = {word}; }; };
  FakeFacts facts = Process("x", {"x"});
  facts.environment_value = {"ROLE=worker-7", "KEY=/a/secret", "EMPTY="};
  EXPECT_TRUE(Hit(with("ROLE"), facts));
  EXPECT_TRUE(Hit(with("ROLE=worker-*"), facts));
  EXPECT_TRUE(Hit(with("KEY=**"), facts));
  EXPECT_TRUE(Hit(with("EMPTY="), facts));
  EXPECT_FALSE(Hit(with("ROLE=work"), facts));
  EXPECT_FALSE(Hit(with("ROL"), facts));
  for (const std::string& said :
       {Reason(with("KEY=no"), facts), Reason(with("KEY"), facts), Why(with("KEY"), facts)}) {
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
  }
  EXPECT_THAT(Reason(with("ROLE"), Process("x")), HasSubstr("environ is empty or could not be read"));
}

TEST(NotTest, NoneOfItsConditionsMayHold) {
  const auto rule = [](Rule& r) {
    r.argv0 = {"codex"};
    r.except.args = "^--data-dir";
    r.except.user = {"root"};
  };
  FakeFacts facts = Process("codex", {"codex", "exec"});
  facts.uid_value = 4242;
  EXPECT_TRUE(Hit(rule, facts));
  facts.uid_value = 0;
  EXPECT_FALSE(Hit(rule, facts));
  EXPECT_EQ(Reason(rule, facts), "user is \"root\", wants no a match of /(?m)^--data-dir/, no root");
}

TEST(NotTest, AloneIsNoRule) {
  Rule rule;
  rule.name = "x";
  rule.except.comm = {"a"};
  EXPECT_THAT(RuleSet::Make({rule}).status().message(), HasSubstr("has no condition"));
}

TEST(ExplainTest, CountsTheConditionsThatHold) {
  const RuleSet set = MakeSet([](Rule& r) {
    r.argv0 = {"codex"};
    r.args = "^exec$";
    r.exe = {".codex/**"};
  });
  FakeFacts other = Process("x", {"x"}), near = Process("x", {"codex", "exec"});
  EXPECT_EQ(set.Explain(other)[0].met, 0u);
  EXPECT_EQ(set.Explain(near)[0].met, 2u);
}

}  // namespace
}  // namespace agent_exporter::agents

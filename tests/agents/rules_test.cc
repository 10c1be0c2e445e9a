#include "agents/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "agents/rule_conditions.h"
#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Rule Named(const std::string& name, const std::function<void(Rule&)>& fill) {
  Rule rule;
  rule.name = name;
  rule.origin = "agents.yaml:3";
  fill(rule);
  return rule;
}

RuleSet MakeSet(std::vector<Rule> rules) {
  absl::StatusOr<RuleSet> set = RuleSet::Make(std::move(rules));
  if (!set.ok()) throw std::runtime_error(set.status().ToString());
  return *std::move(set);
}

// The agent that `rule` makes of `facts`, "" for none.
std::string AgentOf(const std::function<void(Rule&)>& fill, FakeFacts facts) {
  const RuleSet set = MakeSet({Named("hit", fill)});
  const std::optional<Match> match = set.Find(facts);
  return match.has_value() ? match->agent : "";
}

std::string MakeError(const std::function<void(Rule&)>& fill, const std::string& name = "x") {
  const absl::StatusOr<RuleSet> set = RuleSet::Make({Named(name, fill)});
  EXPECT_TRUE(absl::IsInvalidArgument(set.status()));
  return std::string(set.status().message());
}

TEST(RuleSetTest, TheFirstRuleThatMatchesNamesTheAgent) {
  const RuleSet set = MakeSet({Named("one", [](Rule& r) { r.comm = {"a"}; }), Named("two-{pid}", [](Rule& r) {
                                 r.comm = {"b", "a"};
                                 r.kind = "k";
                                 r.slot = "{comm}";
                                 r.scope = Scope::kProcess;
                               })});
  FakeFacts a = Process("a");
  FakeFacts b = Process("b");
  FakeFacts c = Process("c");
  EXPECT_EQ(set.Find(a)->agent, "one");
  const std::optional<Match> match = set.Find(b);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->agent, "two-4711");
  EXPECT_EQ(match->kind, "k");
  EXPECT_EQ(match->slot, "b");
  EXPECT_EQ(match->scope, Scope::kProcess);
  EXPECT_EQ(match->rule, 1u);
  EXPECT_EQ(set.Find(c), std::nullopt);
}

TEST(RuleSetTest, EveryConditionMustHold) {
  const auto rule = [](Rule& r) {
    r.comm = {"node"};
    r.cmdline = "--x";
  };
  EXPECT_EQ(AgentOf(rule, Process("node", {"node", "--x"})), "hit");
  EXPECT_EQ(AgentOf(rule, Process("node", {"node"})), "");
  EXPECT_EQ(AgentOf(rule, Process("sh", {"node", "--x"})), "");
}

TEST(RuleSetTest, CommIsExact) {
  const auto rule = [](Rule& r) { r.comm = {"tmux: server"}; };
  EXPECT_EQ(AgentOf(rule, Process("tmux: server")), "hit");
  EXPECT_EQ(AgentOf(rule, Process("tmux: serve")), "");
}

TEST(RuleSetTest, ExeIsTheLastPartsOfThePath) {
  const auto with = [](std::string exe) { return [exe](Rule& r) { r.exe = {exe}; }; };
  const FakeFacts facts = Process("x", {}, "/home/u/.amp/bin/amp");
  EXPECT_EQ(AgentOf(with("amp"), facts), "hit");
  EXPECT_EQ(AgentOf(with(".amp/bin/amp"), facts), "hit");
  EXPECT_EQ(AgentOf(with("/home/u/.amp/bin/amp"), facts), "hit");
  EXPECT_EQ(AgentOf(with("/bin/amp"), facts), "");
  EXPECT_EQ(AgentOf(with("mp"), facts), "");
  EXPECT_EQ(AgentOf(with("amp"), Process("amp")), "") << "exe that could not be read";
}

TEST(RuleSetTest, ScriptWithOrWithoutExtensionAndByPath) {
  const auto with = [](std::string script) { return [script](Rule& r) { r.script = {script}; }; };
  const FakeFacts facts = Process("node", {"node", "--r=x", "/lib/@google/gemini-cli/gemini.js"});
  EXPECT_EQ(AgentOf(with("gemini"), facts), "hit");
  EXPECT_EQ(AgentOf(with("gemini.js"), facts), "hit");
  EXPECT_EQ(AgentOf(with("@google/gemini-cli/gemini"), facts), "hit");
  EXPECT_EQ(AgentOf(with("gemini.py"), facts), "");
  EXPECT_EQ(AgentOf(with("gemini"), Process("vim", {"vim", "gemini.js"}, "/usr/bin/vim")), "");
}

TEST(RuleSetTest, ExeIsReadOnlyForAWordThatMayBeTheScript) {
  const RuleSet set = MakeSet({Named("hit", [](Rule& r) { r.script = {"gemini"}; })});
  FakeFacts renamed = Process("x", {"renamed", "/bin/gemini"}, "/usr/bin/node");
  EXPECT_TRUE(set.Find(renamed).has_value());
  FakeFacts other = Process("cat", {"cat", "/etc/passwd"}, "/usr/bin/cat");
  EXPECT_FALSE(set.Find(other).has_value());
  EXPECT_EQ(other.exe_reads, 0);
  FakeFacts node = Process("node", {"node", "-e", "gemini.js"}, "/usr/bin/node");
  EXPECT_FALSE(set.Find(node).has_value());
}

TEST(RuleSetTest, CmdlineIsArgvJoined) {
  const auto rule = [](Rule& r) { r.cmdline = "^a b$"; };
  EXPECT_EQ(AgentOf(rule, Process("x", {"a", "b"})), "hit");
  EXPECT_EQ(AgentOf(rule, Process("x", {"a", "", "b"})), "");
  EXPECT_EQ(AgentOf([](Rule& r) { r.cmdline = "a.*b"; }, Process("x", {"a", "\n", "b"})), "hit");
  EXPECT_EQ(AgentOf([](Rule& r) { r.cmdline = ".*"; }, Process("kthreadd")), "") << "no argv, no match";
}

TEST(RuleSetTest, UserByNameAndNumber) {
  FakeFacts root = Process("x");
  root.uid_value = 0;
  FakeFacts other = Process("x");
  other.uid_value = 4242;
  EXPECT_EQ(AgentOf([](Rule& r) { r.user = {"root"}; }, root), "hit");
  EXPECT_EQ(AgentOf([](Rule& r) { r.user = {"root"}; }, other), "");
  EXPECT_EQ(AgentOf([](Rule& r) { r.user = {"root", "4242"}; }, other), "hit");
  EXPECT_EQ(AgentOf([](Rule& r) { r.user = {"root"}; }, Process("x")), "") << "uid that could not be read";
}

TEST(RuleSetTest, CgroupExactOrAncestor) {
  const auto rule = [](Rule& r) { r.cgroup = {"/jobs/a"}; };
  FakeFacts facts = Process("x");
  for (const auto& [text, agent] :
       std::vector<std::pair<std::string, std::string>>{{"0::/jobs/a\n", "hit"},
                                                        {"0::/jobs/a/b\n", "hit"},
                                                        {"3:pids:/jobs/a\n0::/\n", "hit"},
                                                        {"0::/jobs/ab\n", ""},
                                                        {"0::/jobs\n", ""},
                                                        {"", ""}}) {
    facts.cgroup_value = text;
    EXPECT_EQ(AgentOf(rule, facts), agent) << text;
  }
}

TEST(RuleSetTest, UnitWithOrWithoutItsSuffix) {
  FakeFacts facts = Process("x");
  facts.cgroup_value = "0::/system.slice/my.agent.service\n";
  EXPECT_EQ(AgentOf([](Rule& r) { r.unit = {"my.agent.service"}; }, facts), "hit");
  EXPECT_EQ(AgentOf([](Rule& r) { r.unit = {"my.agent"}; }, facts), "hit");
  EXPECT_EQ(AgentOf([](Rule& r) { r.unit = {"my"}; }, facts), "");
  EXPECT_EQ(AgentOf([](Rule& r) { r.unit = {"my.agent"}; }, Process("x")), "");
}

TEST(RuleSetTest, HostileNamesBecomeLabelValuesAndEmptyOnesComm) {
  const auto named = [](const std::string& name, FakeFacts facts) {
    const RuleSet set = MakeSet({Named(name, [&](Rule& r) { r.comm = {facts.comm_value}; })});
    return set.Find(facts)->agent;
  };
  EXPECT_EQ(named("{comm}", Process("a\xFFz")), "a\uFFFDz");
  EXPECT_EQ(named("{exe}", Process("codex")), "codex");
  FakeFacts nameless = Process("", {"x"});
  const RuleSet set = MakeSet({Named("{exe}", [](Rule& r) { r.cmdline = "x"; })});
  EXPECT_EQ(set.Find(nameless)->agent, "unnamed");
}

TEST(RuleSetTest, CapturesOfTheMatchName) {
  const RuleSet set = MakeSet({Named("{job}", [](Rule& r) {
    r.cmdline = "--slot=(\\d+) --job=(?P<job>\\S+)";
    r.slot = "{1}";
  })});
  FakeFacts facts = Process("w", {"worker", "--slot=7", "--job=mail"});
  const std::optional<Match> match = set.Find(facts);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->agent, "mail");
  EXPECT_EQ(match->slot, "7");
}

TEST(RuleSetTest, ErrorsNameTheOriginAndSayWhatToDo) {
  EXPECT_EQ(MakeError([](Rule&) {}),
            "agents.yaml:3: rule \"x\" has no condition and would match every process; add comm, script or "
            "another");
  EXPECT_THAT(MakeError([](Rule& r) { r.comm = {"a"}; }, ""), HasSubstr("no name"));
  EXPECT_THAT(MakeError([](Rule& r) { r.cmdline = "a("; }),
              testing::AllOf(HasSubstr("agents.yaml:3: cmdline \"a(\""), HasSubstr("missing )")));
  EXPECT_THAT(MakeError([](Rule& r) { r.comm = {"a"}; }, "{nope}"),
              HasSubstr("agents.yaml:3: template \"{nope}\""));
  EXPECT_THAT(MakeError([](Rule& r) { r.comm = {"woodpecker-agent"}; }),
              HasSubstr("write \"woodpecker-agen\""));
  EXPECT_THAT(MakeError([](Rule& r) { r.user = {"no such user"}; }), HasSubstr("no user \"no such user\""));
  EXPECT_THAT(MakeError([](Rule& r) { r.cgroup = {"/"}; }), HasSubstr("every process"));
  EXPECT_THAT(MakeError([](Rule& r) { r.pidfile = {"run/x.pid"}; }), HasSubstr("not an absolute path"));
  EXPECT_THAT(MakeError([](Rule& r) { r.exe = {""}; }), HasSubstr("exe has an empty word"));
}

TEST(RuleSetTest, AMatchSaysWhyWithoutTheCommandLine) {
  const RuleSet set = MakeSet({Named("{comm}-x", [](Rule& r) {
    r.comm = {"bash", "agent"};
    r.cmdline = "--key=(\\w+)";
  })});
  FakeFacts facts = Process("agent", {"agent", "--key=secret"});
  const std::optional<Match> match = set.Find(facts);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->reason->origin, "agents.yaml:3");
  EXPECT_EQ(match->reason->rule, "{comm}-x");
  EXPECT_EQ(match->reason->what, "comm is \"agent\", cmdline is a match of /--key=(\\w+)/");
}

TEST(ExplainTest, SaysForEveryRuleWhyOrWhyNot) {
  const RuleSet set = MakeSet({Named("a", [](Rule& r) { r.comm = {"codex"}; }),
                               Named("b",
                                     [](Rule& r) {
                                       r.comm = {"bash"};
                                       r.script = {"codex", "codex.js"};
                                     }),
                               Named("c", [](Rule& r) { r.exe = {"codex"}; }),
                               Named("d",
                                     [](Rule& r) {
                                       r.comm = {"bash"};
                                       r.cmdline = "-c";
                                     }),
                               Named("e", [](Rule& r) { r.cmdline = "^zsh"; })});
  FakeFacts facts = Process("bash", {"bash", "-c", "\x1b[2J"});
  std::vector<std::string> reasons;
  std::vector<bool> matched;
  for (const RuleVerdict& verdict : set.Explain(facts)) {
    reasons.push_back(verdict.reason);
    matched.push_back(verdict.matched);
  }
  EXPECT_THAT(matched, ElementsAre(false, false, false, true, false));
  EXPECT_THAT(reasons,
              ElementsAre("comm is \"bash\", wants codex", "it runs no script, wants one of codex, codex.js",
                          "exe could not be read (not permitted, or a kernel thread), wants codex",
                          R"(matched: comm is "bash", cmdline is "bash -c \x1b[2J")",
                          R"(cmdline is "bash -c \x1b[2J", wants a match of /^zsh/)"));
}

class PidfileTest : public testing::Test {
 protected:
  PidfileTest() : path_(testing::TempDir() + "pidfile." + std::to_string(getpid())) {}
  ~PidfileTest() override { std::remove(path_.c_str()); }

  void Write(const std::string& text) { std::ofstream(path_, std::ios::trunc) << text; }

  std::string path_;
};

TEST_F(PidfileTest, IsReadAnewEveryTime) {
  const RuleSet set = MakeSet({Named("hit", [this](Rule& r) { r.pidfile = {path_}; })});
  FakeFacts facts = Process("x");
  EXPECT_FALSE(set.Find(facts).has_value());
  EXPECT_TRUE(set.PidfilePids().empty());
  Write("4711\n");
  EXPECT_TRUE(set.Find(facts).has_value());
  EXPECT_THAT(set.PidfilePids(), ElementsAre(4711));
  Write("4712\n");
  EXPECT_FALSE(set.Find(facts).has_value());
  EXPECT_EQ(set.Explain(facts)[0].reason, "pid is 4711, wants the pid in " + path_);
}

}  // namespace
}  // namespace agent_exporter::agents

#include "agents/rules_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "base/yaml.h"

namespace agent_exporter::agents {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

absl::StatusOr<std::vector<Rule>> Load(const std::string& text) {
  return RulesFromYaml(YAML::Load(text)["agents"], "agents.yaml");
}

TEST(RulesFromYamlTest, ReadsEveryKey) {
  const absl::StatusOr<std::vector<Rule>> rules = Load(R"(
agents:
  - name: worker-{1}
    kind: worker
    slot: "{1}"
    scope: process
    match:
      comm: [a, b]
      argv0: 'w *'
      exe: /usr/bin/x
      script: run.js
      package: ['@a/b', c]
      args: ^start$
      environ: ROLE=worker
      cmdline: '--slot (\d+)'
      pidfile: [/run/a.pid, /run/b.pid]
      user: 1000
      cgroup: /system.slice
      unit: a.service
      not: {comm: sh, args: stop}
  - name: other
    match: {comm: other}
)");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->size(), 2u);
  const Rule& rule = (*rules)[0];
  EXPECT_EQ(rule.name, "worker-{1}");
  EXPECT_EQ(rule.kind, "worker");
  EXPECT_EQ(rule.slot, "{1}");
  EXPECT_EQ(rule.scope, Scope::kProcess);
  EXPECT_THAT(rule.comm, ElementsAre("a", "b"));
  EXPECT_THAT(rule.exe, ElementsAre("/usr/bin/x"));
  EXPECT_THAT(rule.script, ElementsAre("run.js"));
  EXPECT_EQ(rule.cmdline, "--slot (\\d+)");
  EXPECT_THAT(rule.pidfile, ElementsAre("/run/a.pid", "/run/b.pid"));
  EXPECT_THAT(rule.user, ElementsAre("1000"));
  EXPECT_THAT(rule.cgroup, ElementsAre("/system.slice"));
  EXPECT_THAT(rule.unit, ElementsAre("a.service"));
  EXPECT_THAT(rule.argv0, ElementsAre("w *"));
  EXPECT_THAT(rule.package, ElementsAre("@a/b", "c"));
  EXPECT_EQ(rule.args, "^start$");
  EXPECT_THAT(rule.environ, ElementsAre("ROLE=worker"));
  EXPECT_THAT(rule.except.comm, ElementsAre("sh"));
  EXPECT_EQ(rule.except.args, "stop");
  EXPECT_EQ(rule.origin, "agents.yaml:3");
  EXPECT_FALSE(rule.built_in);
  EXPECT_EQ((*rules)[1].scope, Scope::kTree);
  EXPECT_EQ((*rules)[1].origin, "agents.yaml:21");
}

TEST(RulesFromYamlTest, AMissingNameIsTheOneWordOfCommOrScript) {
  const absl::StatusOr<std::vector<Rule>> rules = Load(R"(
agents:
  - match: {comm: codex, user: root}
  - match: {script: bin/amp}
  - match: {comm: '{odd}'}
)");
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ((*rules)[0].name, "codex");
  EXPECT_EQ((*rules)[1].name, "amp");
  EXPECT_EQ((*rules)[2].name, "{{odd}}") << "a word, not a template";
}

TEST(RulesFromYamlTest, NothingIsNoRules) {
  for (const char* text : {"agents: []", "agents:", "other: 1"}) {
    const absl::StatusOr<std::vector<Rule>> rules = Load(text);
    ASSERT_TRUE(rules.ok()) << text << rules.status();
    EXPECT_TRUE(rules->empty());
  }
}

struct ErrorCase {
  const char* text;
  const char* message;
};

class RulesFromYamlErrorTest : public testing::TestWithParam<ErrorCase> {};

TEST_P(RulesFromYamlErrorTest, IsOneLineWithPositionAndAdvice) {
  const absl::StatusOr<std::vector<Rule>> rules = Load(GetParam().text);
  ASSERT_TRUE(absl::IsInvalidArgument(rules.status())) << GetParam().text;
  const std::string message(rules.status().message());
  EXPECT_EQ(message, GetParam().message);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, RulesFromYamlErrorTest,
    testing::Values(
        ErrorCase{"agents: codex", "agents.yaml:1: agents is a word; write a list, each agent below a dash"},
        ErrorCase{"agents:\n- codex",
                  "agents.yaml:2: an agent is a word; write name: and match: below a dash"},
        ErrorCase{"agents:\n- name: a\n  matches: {comm: a}",
                  "agents.yaml:3: unknown key \"matches\"; did you mean match?"},
        ErrorCase{"agents:\n- name: a\n  colour: red\n  match: {comm: a}",
                  "agents.yaml:3: unknown key \"colour\"; known keys: name, match, kind, slot, scope, "
                  "adopt, rate_limit_log, rate_limit_patterns"},
        ErrorCase{"agents:\n- name: a\n  match: {com: a}",
                  "agents.yaml:3: unknown key \"com\"; did you mean comm?"},
        ErrorCase{"agents:\n- name: a\n  name: b\n  match: {comm: a}",
                  "agents.yaml:3: duplicate key \"name\", first at agents.yaml:2; remove one"},
        ErrorCase{"agents:\n- match:\n    comm: a\n    comm: b",
                  "agents.yaml:4: duplicate key \"comm\", first at agents.yaml:3; remove one"},
        ErrorCase{"agents:\n- [a, b]: c", "agents.yaml:2: a key is a list; use a plain word"},
        ErrorCase{"agents:\n- name: a",
                  "agents.yaml:2: an agent has no match; add one, for instance match: "
                  "{comm: codex}"},
        ErrorCase{"agents:\n- name: a\n  match: {}",
                  "agents.yaml:3: match is empty; write conditions into it, for instance {comm: codex}"},
        ErrorCase{"agents:\n- name: a\n  match: {comm: a, not: {not: {comm: b}}}",
                  "agents.yaml:3: unknown key \"not\"; did you mean unit?"},
        ErrorCase{"agents:\n- name: a\n  match: {comm: a, not: b}",
                  "agents.yaml:3: not is a word; write conditions into it, for instance {comm: codex}"},
        ErrorCase{"agents:\n- name: a\n  match: codex",
                  "agents.yaml:3: match is a word; write conditions into it, for instance {comm: codex}"},
        ErrorCase{"agents:\n- name: a\n  match:\n    comm: {b: c}",
                  "agents.yaml:4: comm is a map; give it one word or a quoted text"},
        ErrorCase{"agents:\n- name: a\n  match:\n    comm: [b, [c]]",
                  "agents.yaml:4: an entry of comm is a list; give it one word or a quoted text"},
        ErrorCase{"agents:\n- name: a\n  match:\n    comm: []",
                  "agents.yaml:4: comm is an empty list; fill it or remove it"},
        ErrorCase{"agents:\n- name: a\n  match:\n    comm: ''",
                  "agents.yaml:4: comm is an empty word; fill it in or remove it"},
        ErrorCase{"agents:\n- name: a\n  match:\n    cmdline: [x, y]",
                  "agents.yaml:4: cmdline is a list; give it one word or a quoted text"},
        ErrorCase{"agents:\n- name: ''\n  match: {comm: a}",
                  "agents.yaml:2: name is an empty word; fill it in or remove it"},
        ErrorCase{"agents:\n- match: {comm: [a, b]}",
                  "agents.yaml:2: an agent has no name; add name: (it may be left out only if match has "
                  "exactly one comm or script)"},
        ErrorCase{"agents:\n- match: {comm: a}\n  rate_limit_log: a.log",
                  "agents.yaml:3: rate_limit_log must be an absolute path"},
        ErrorCase{"agents:\n- name: '{comm}'\n  match: {comm: a}\n  rate_limit_log: /a.log",
                  "agents.yaml:4: rate_limit_log belongs to one agent; give this rule a name without {}"},
        ErrorCase{"agents:\n- match: {comm: a}\n  rate_limit_patterns: {quota: x}",
                  "agents.yaml:3: rate_limit_patterns needs rate_limit_log"},
        ErrorCase{"agents:\n- match: {comm: a}\n  rate_limit_log: /a\n  rate_limit_patterns: [x]",
                  "agents.yaml:4: rate_limit_patterns must be a map such as {throttle: 'slow down'}"},
        ErrorCase{"agents:\n- match: {comm: a}\n  rate_limit_log: /a\n  rate_limit_patterns:\n    quota: '('",
                  "agents.yaml:5: the expression for quota is not valid: missing ): (; use RE2's syntax"},
        ErrorCase{"agents:\n- name: a\n  scope: self\n  match: {comm: a}",
                  "agents.yaml:3: scope is \"self\"; write tree (the process and all its descendants) or "
                  "process"}));

TEST(RulesFromYamlTest, AnEmptyValueIsAnErrorWithItsFile) {
  const absl::StatusOr<std::vector<Rule>> rules = Load("agents:\n- name: a\n  match:\n    comm:\n");
  ASSERT_TRUE(absl::IsInvalidArgument(rules.status()));
  EXPECT_THAT(std::string(rules.status().message()), StartsWith("agents.yaml:"));
  EXPECT_THAT(std::string(rules.status().message()), HasSubstr("comm is empty"));
}

TEST(YamlPositionTest, AMissingNodeIsTheFile) {
  const YAML::Node root = YAML::Load("a: 1\nb: 2");
  EXPECT_EQ(base::YamlPosition(root["b"], "f.yaml"), "f.yaml:2");
  EXPECT_EQ(base::YamlPosition(root["c"], "f.yaml"), "f.yaml");
}

}  // namespace
}  // namespace agent_exporter::agents

#include "compat/group_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace agent_exporter::compat {
namespace {

using testing::HasSubstr;
using testing::Optional;

GroupRules Parse(const std::string& text) {
  auto rules = GroupRules::FromYaml("process_names:\n" + text, "test.yml");
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *std::move(rules);
}

std::string ErrorOf(const std::string& text) {
  return std::string(GroupRules::FromYaml(text, "test.yml").status().message());
}

const ProcessAttributes kPostgres{.pid = 42,
                                  .comm = "postgres",
                                  .cmdline = {"/usr/lib/postgres", "-D", "/data/main"},
                                  .user = "pg",
                                  .cgroups = {"/a", "/b"},
                                  .start_ms = 1'700'000'000'250};

TEST(GroupRules, WithoutANameTheGroupIsTheBasenameOfTheProgram) {
  EXPECT_THAT(Parse("- comm: [postgres]\n").Find(kPostgres), Optional(std::string("postgres")));
}

TEST(GroupRules, AWordWithASlashIsTheWholeProgramPath) {
  EXPECT_TRUE(Parse("- exe: [/usr/lib/postgres]\n").Find(kPostgres));
  EXPECT_TRUE(Parse("- exe: [postgres]\n").Find(kPostgres));
  EXPECT_FALSE(Parse("- exe: [/opt/postgres]\n").Find(kPostgres));
}

TEST(GroupRules, AllExpressionsAndAllKindsOfConditionMustHold) {
  EXPECT_TRUE(Parse("- cmdline: ['-D', 'main']\n").Find(kPostgres));
  EXPECT_FALSE(Parse("- cmdline: ['-D', 'other']\n").Find(kPostgres));
  EXPECT_FALSE(Parse("- comm: [bash]\n  cmdline: ['-D']\n").Find(kPostgres));
}

TEST(GroupRules, TheFirstRuleThatMatchesNames) {
  EXPECT_THAT(Parse("- name: a\n  comm: [postgres]\n- name: b\n  comm: [postgres]\n").Find(kPostgres),
              Optional(std::string("a")));
}

TEST(GroupRules, NamesAreWhatGoWouldPrint) {
  const auto named = [](const std::string& name) {
    return Parse("- name: '" + name + "'\n  cmdline: ['-D (?P<Dir>\\S+)']\n").Find(kPostgres).value_or("");
  };
  EXPECT_EQ(named("{{.Comm}} {{ .ExeFull }}"), "postgres /usr/lib/postgres");
  EXPECT_EQ(named("{{.ExeBase}}:{{.Matches.Dir}}"), "postgres:/data/main");
  EXPECT_EQ(named("{{.Matches.Nobody}}"), "<no value>");
  EXPECT_EQ(named("{{.Username}}-{{.PID}}"), "pg-42");
  EXPECT_EQ(named("{{.Cgroups}} {{index .Cgroups 1}}"), "[/a /b] /b");
  EXPECT_EQ(named("{{.StartTime}}"), "2023-11-14 22:13:20.25 +0000 UTC");
  EXPECT_EQ(named("x {{- .Comm -}} y"), "xpostgresy");
}

TEST(GroupRules, BytesThatAreNoTextBecomeText) {
  ProcessAttributes process{.comm = "\xff", .cmdline = {"\xff"}};
  EXPECT_THAT(Parse("- name: '{{.Comm}}'\n  cmdline: ['.+']\n").Find(process),
              Optional(std::string("\xEF\xBF\xBD")));
}

TEST(GroupRules, AProcessWithoutArgumentsHasItsNameForAProgramButMatchesNone) {
  const ProcessAttributes thread{.comm = "kworker"};
  EXPECT_THAT(Parse("- comm: [kworker]\n").Find(thread), Optional(std::string("kworker")));
  EXPECT_FALSE(Parse("- exe: [kworker]\n").Find(thread));
}

TEST(GroupRules, MistakesNameTheirLine) {
  EXPECT_THAT(ErrorOf("process_names:\n- name: x\n"), HasSubstr("test.yml:2"));
  EXPECT_THAT(ErrorOf("process_names:\n- cmdline: ['(']\n"), HasSubstr("test.yml:2"));
  EXPECT_THAT(ErrorOf("process_names:\n- name: '{{.Nope}}'\n  comm: [a]\n"), HasSubstr(".Nope"));
  EXPECT_THAT(ErrorOf("process_names:\n- comn: [a]\n"), HasSubstr("comm"));
  EXPECT_THAT(ErrorOf("agents: []\n"), HasSubstr("process_names"));
}

}  // namespace
}  // namespace agent_exporter::compat

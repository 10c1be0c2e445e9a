#include "exporter/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/yaml.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::exporter {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string Error(const std::string& text) {
  const auto config = ParseConfig(text, "agents.yaml");
  EXPECT_FALSE(config.ok()) << text;
  EXPECT_TRUE(config.ok() || absl::IsInvalidArgument(config.status())) << config.status();
  return std::string(config.status().message());
}

TEST(Config, EveryKey) {
  const auto config = ParseConfig(
      "agents:\n  - name: mine\n    match: {comm: my-agent}\n"
      "builtin_profiles: false\nsample_interval: 250ms\nmax_agents: 17\nforget_after: 2h\ncollector_timeout: "
      "3s\n",
      "agents.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->rules.rules().size(), 1u);
  EXPECT_EQ(config->rules.rules()[0].name, "mine");
  EXPECT_EQ(config->rules.rules()[0].origin, "agents.yaml:2");
  EXPECT_FALSE(config->builtin_profiles);
  EXPECT_EQ(config->sample_interval, milliseconds(250));
  EXPECT_EQ(config->max_agents, 17u);
  EXPECT_EQ(config->forget_after, std::chrono::hours(2));
  EXPECT_EQ(config->collector_timeout, milliseconds(3000));
}

TEST(Config, OnesOwnRulesComeBeforeTheBuiltIn) {
  const auto config = ParseConfig("agents:\n  - match: {comm: my-agent}\n", "agents.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->rules.rules().size(), agents::BuiltInRules().size() + 1);
  EXPECT_FALSE(config->rules.rules().front().built_in);
  EXPECT_TRUE(config->rules.rules().back().built_in);
}

class EmptyConfig : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Texts, EmptyConfig,
                         testing::Values("", "\n", "# nothing yet\n", "agents:\n", "agents: []\n", "---\n"));

TEST_P(EmptyConfig, IsTheDefault) {
  const auto config = ParseConfig(GetParam(), "agents.yaml");
  const auto expected = DefaultConfig();
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(config->rules.rules().size(), agents::BuiltInRules().size());
  EXPECT_EQ(config->sample_interval, expected->sample_interval);
  EXPECT_EQ(config->max_agents, 200u);
}

TEST(Config, AnUnknownKeyNamesTheNearest) {
  EXPECT_THAT(
      Error("max_agents: 3\nsampel_interval: 5s\n"),
      AllOf(StartsWith("agents.yaml:2:"), HasSubstr("sampel_interval"), HasSubstr("sample_interval?")));
}

TEST(Config, WrongShapesAreRefusedWhereTheyStand) {
  EXPECT_THAT(Error("- codex\n"), AllOf(StartsWith("agents.yaml:1:"), HasSubstr("map")));
  EXPECT_THAT(Error("codex\n"), StartsWith("agents.yaml:1:"));
  EXPECT_THAT(Error("\nagents: codex\n"), AllOf(StartsWith("agents.yaml:2:"), HasSubstr("list")));
  EXPECT_THAT(Error("sample_interval: [5s]\n"), AllOf(StartsWith("agents.yaml:1:"), HasSubstr("duration")));
  EXPECT_THAT(Error("sample_interval:\n"), HasSubstr("duration"));
  EXPECT_THAT(Error("max_agents: many\n"), HasSubstr("whole number"));
  EXPECT_THAT(Error("max_agents: 0\n"), HasSubstr("from 1"));
  EXPECT_THAT(Error("max_agents: 10001\n"), HasSubstr("to 10000"));
  EXPECT_THAT(Error("max_agents: -1\n"), HasSubstr("whole number"));
  EXPECT_THAT(Error("builtin_profiles: perhaps\n"), HasSubstr("true or false"));
  EXPECT_THAT(Error("builtin_profiles: [true]\n"), HasSubstr("true or false"));
}

TEST(Config, LedgerSection) {
  const auto config = ParseConfig(
      "ledger:\n  enabled: false\n  sample_interval: 10s\n  idle_sample_interval: 1h\n  retention_days: 3\n"
      "  rate_limit_retention_days: 90\n  path: /srv/ledger.db\n",
      "agents.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->ledger.enabled);
  EXPECT_EQ(config->ledger.sample_interval, std::chrono::seconds(10));
  EXPECT_EQ(config->ledger.idle_sample_interval, std::chrono::hours(1));
  EXPECT_EQ(config->ledger.retention_days, 3);
  EXPECT_EQ(config->ledger.rate_limit_retention_days, 90);
  EXPECT_EQ(config->ledger.path, "/srv/ledger.db");
  const auto slow = ParseConfig("ledger: {sample_interval: 10m}\n", "agents.yaml");
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_EQ(slow->ledger.idle_sample_interval, std::chrono::minutes(10)) << "never faster while idle";
  EXPECT_TRUE(ParseConfig("ledger:\n", "agents.yaml")->ledger.enabled);
}

TEST(Config, LedgerMistakesAreRefusedWhereTheyStand) {
  EXPECT_THAT(Error("ledger: yes please\n"), AllOf(StartsWith("agents.yaml:1:"), HasSubstr("map")));
  EXPECT_THAT(Error("ledger:\n  retention_dais: 3\n"),
              AllOf(StartsWith("agents.yaml:2:"), HasSubstr("retention_days?")));
  EXPECT_THAT(Error("ledger: {enabled: perhaps}\n"), HasSubstr("true or false"));
  EXPECT_THAT(Error("ledger: {sample_interval: 10}\n"), HasSubstr("such as 5s"));
  EXPECT_THAT(Error("ledger: {sample_interval: 900ms}\n"), HasSubstr("at least 1s"));
  EXPECT_THAT(Error("ledger: {sample_interval: 10m, idle_sample_interval: 5m}\n"),
              HasSubstr("at least as long"));
  for (const char* days : {"0", "-1", "4000", "seven", "1.5", "[7]"}) {
    EXPECT_THAT(Error(std::string("ledger: {retention_days: ") + days + "}\n"), HasSubstr("from 1 to 3650"))
        << days;
  }
  EXPECT_THAT(Error("ledger: {path: ledger.db}\n"), HasSubstr("absolute path"));
}

TEST(Config, DurationsThatCannotBe) {
  EXPECT_THAT(Error("sample_interval: 5\n"), AllOf(StartsWith("agents.yaml:1:"), HasSubstr("such as 5s")));
  EXPECT_THAT(Error("sample_interval: 99ms\n"),
              AllOf(StartsWith("agents.yaml:1:"), HasSubstr("at least 100ms")));
  EXPECT_THAT(Error("collector_timeout: 0s\n"), HasSubstr("at least 1ms"));
  EXPECT_THAT(Error("forget_after: 4000d\n"), HasSubstr("too long"));
}

TEST(Config, BrokenYamlNamesItsLine) {
  EXPECT_THAT(Error("agents:\n  - name: [codex\n"),
              AllOf(HasSubstr("agents.yaml:"), HasSubstr("not valid YAML")));
  EXPECT_THAT(Error("max_agents: 3\nagents: x: y\n"),
              AllOf(HasSubstr("agents.yaml:"), HasSubstr("not valid YAML")));
  EXPECT_THAT(Error("max_agents: 3\n\tagents: 4\n"), StartsWith("agents.yaml:2:"));
}

TEST(Config, BadPatternsNameTheirRule) {
  EXPECT_THAT(Error("agents:\n  - name: x\n    match: {cmdline: \"(\"}\n"), StartsWith("agents.yaml:2:"));
}

TEST(LoadConfig, ReadsAFile) {
  const kernel::FakeTree tree;
  tree.Write("agents.yaml", "max_agents: 5\n");
  const auto config = LoadConfig(tree.root() + "/agents.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->max_agents, 5u);
}

TEST(LoadConfig, NoPathIsTheDefaultAndAnEmptyFileToo) {
  const kernel::FakeTree tree;
  tree.Write("empty.yaml", "");
  EXPECT_TRUE(LoadConfig("").ok());
  EXPECT_TRUE(LoadConfig(tree.root() + "/empty.yaml").ok());
}

TEST(LoadConfig, AFileThatIsNotThereIsNamed) {
  const kernel::FakeTree tree;
  const auto config = LoadConfig(tree.root() + "/missing.yaml");
  EXPECT_TRUE(absl::IsNotFound(config.status())) << config.status();
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("missing.yaml: No such file"));
}

TEST(LoadConfig, ADirectoryIsNoFile) {
  const kernel::FakeTree tree;
  const auto config = LoadConfig(tree.root());
  EXPECT_TRUE(absl::IsFailedPrecondition(config.status())) << config.status();
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("Is a directory"));
}

TEST(LoadConfig, AFileOneMayNotReadIsPermissionDenied) {
  const kernel::FakeTree tree;
  tree.Write("agents.yaml", "");
  ASSERT_EQ(::chmod((tree.root() + "/agents.yaml").c_str(), 0), 0);
  ASSERT_EQ(::chmod(tree.root().c_str(), 0755), 0);
  const auto denied = [&] {
    return absl::IsPermissionDenied(LoadConfig(tree.root() + "/agents.yaml").status()) ? 0 : 1;
  };
  EXPECT_EQ(::getuid() == 0 ? kernel::RunAs(65534, denied) : denied(), 0);
}

TEST(Duration, UnitsAreExplicit) {
  EXPECT_EQ(*base::ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(*base::ParseDuration("5s"), milliseconds(5000));
  EXPECT_EQ(*base::ParseDuration("2m"), milliseconds(120'000));
  EXPECT_EQ(*base::ParseDuration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(*base::ParseDuration("7d"), milliseconds(604'800'000));
  EXPECT_EQ(*base::ParseDuration("3650d"), std::chrono::hours(24 * 3650));
}

TEST(Duration, AnythingElseIsRefused) {
  for (const char* text : {"", "5", "s", "5 s", " 5s", "-5s", "+5s", "1.5s", "5S", "5s ", "1h30m", "0x5s",
                           "5us", "99999999999s", "3651d", "\xff"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(base::ParseDuration(text).status())) << text;
  }
}

}  // namespace
}  // namespace agent_exporter::exporter

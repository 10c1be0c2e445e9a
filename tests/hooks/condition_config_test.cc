#include "hooks/condition_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

namespace agent_exporter::hooks {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

absl::StatusOr<std::vector<ConditionOptions>> Conditions(const std::string& text) {
  return ConditionsFromYaml(YAML::Load(text), "f.yaml");
}

TEST(ConditionConfig, ReadsConditions) {
  const auto conditions = Conditions(R"(
- name: many_fds
  when: agent_self.open_fds > 500
  for: 30s
  agents: [codex, "worker-*"]
  hooks: [{command: [/bin/x]}, {url: "http://h/"}]
- {name: b, when: "instances == 0"}
)");
  ASSERT_TRUE(conditions.ok()) << conditions.status();
  ASSERT_EQ(conditions->size(), 2u);
  EXPECT_EQ(conditions->at(0).name, "many_fds");
  EXPECT_EQ(conditions->at(0).holds_for, 30s);
  EXPECT_THAT(conditions->at(0).agents, ElementsAre("codex", "worker-*"));
  ASSERT_EQ(conditions->at(0).hooks.size(), 2u);
  EXPECT_EQ(conditions->at(0).hooks[1].on, "condition many_fds");
  EXPECT_EQ(conditions->at(0).when.Holds({{"agent_self", {{"open_fds", 501}}}}), true);
  EXPECT_EQ(conditions->at(1).holds_for, 0s);
  EXPECT_THAT(conditions->at(1).hooks, IsEmpty());
}

TEST(ConditionConfig, MistakesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "f.yaml:1: conditions must be a list; write each condition below a dash"},
      {"- x", "f.yaml:1: a condition must be a map with name: and when:"},
      {"- {name: a}", "f.yaml:1: a condition needs when:"},
      {"- {name: a, when: instances == 0, four: 1s}", "f.yaml:1: unknown key \"four\"; did you mean for?"},
      {"- {name: a, when: instance == 0}",
       "f.yaml:1: there is no figure \"instance\"; did you mean instances?"},
      {"- {name: a, when: instances == 0, hooks: [{}]}",
       "f.yaml:1: a hook must have either command: or url:"},
      {"- {name: a, when: instances == 0}\n- {name: a, when: instances == 1}",
       "f.yaml:2: two conditions are called \"a\", the first at f.yaml:1"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Conditions(text).status().message(), message) << text;
}

}  // namespace
}  // namespace agent_exporter::hooks

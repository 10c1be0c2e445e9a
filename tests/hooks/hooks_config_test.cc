#include "hooks/hooks_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <string>

namespace agent_exporter::hooks {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::StatusOr<std::vector<HookOptions>> Parse(const std::string& text) {
  return HooksFromYaml(YAML::Load(text), "f.yaml", {"on_diff", "on_leak"});
}

TEST(HooksConfigTest, ReadsCommandsAndUrls) {
  const auto hooks = Parse(R"(
on_diff:
  - {name: pager, command: [/bin/x, -a, "b c", ""], agents: [claude, "worker-*"], timeout: 3s}
  - {url: "https://user:secret@hooks.example.org:8443/t/0ken?x", agents: claude}
on_leak:
  - {command: [y]}
)");
  ASSERT_TRUE(hooks.ok()) << hooks.status();
  ASSERT_EQ(hooks->size(), 3u);
  EXPECT_EQ(hooks->at(0).name, "pager");
  EXPECT_THAT(hooks->at(0).command, ElementsAre("/bin/x", "-a", "b c", ""));
  EXPECT_THAT(hooks->at(0).agents, ElementsAre("claude", "worker-*"));
  EXPECT_EQ(hooks->at(0).time_limit, 3s);
  EXPECT_EQ(hooks->at(1).name, "hooks.example.org");  // nothing that may be secret
  EXPECT_EQ(hooks->at(1).url, "https://user:secret@hooks.example.org:8443/t/0ken?x");
  EXPECT_THAT(hooks->at(1).agents, ElementsAre("claude"));
  EXPECT_EQ(hooks->at(1).time_limit, 5s);
  EXPECT_EQ(hooks->at(2).name, "y");
  EXPECT_EQ(hooks->at(2).time_limit, 10s);
  EXPECT_THAT(hooks->at(2).agents, IsEmpty());
  EXPECT_EQ(hooks->at(0).on, "on_diff");
  EXPECT_EQ(hooks->at(2).on, "on_leak");
}

TEST(HooksConfigTest, NothingIsNoHook) {
  for (const char* text : {"", "on_diff:", "on_diff: []"}) EXPECT_THAT(*Parse(text), IsEmpty()) << text;
}

TEST(HooksConfigTest, MistakesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"[a]", "f.yaml:1: hooks must be a map; write on_diff: and a list below it"},
      {"on_dif: []", "f.yaml:1: unknown key \"on_dif\"; did you mean on_diff?"},
      {"on_diff: {}", "f.yaml:1: on_diff must be a list; write each hook below a dash"},
      {"on_diff:\n - x", "f.yaml:2: a hook must be a map; write command: [...] or url: below its dash"},
      {"on_diff:\n - {}", "f.yaml:2: a hook must have either command: or url:"},
      {"on_diff:\n - {command: [a], url: \"http://b/\"}",
       "f.yaml:2: a hook must have either command: or url:"},
      {"on_diff:\n - {command: a b}",
       "f.yaml:2: command must be a list of the program and its arguments (there is no shell): [/bin/x, -a]"},
      {"on_diff:\n - {command: []}",
       "f.yaml:2: command must be a list of the program and its arguments (there is no shell): [/bin/x, -a]"},
      {"on_diff:\n - {command: [\"\"]}", "f.yaml:2: command has an empty program name"},
      {"on_diff:\n - {command: [[a]]}", "f.yaml:2: an entry of command is not a string; quote it"},
      {"on_diff:\n - {url: \"ftp://x/\"}", "f.yaml:2: url must be http://host/... or https://host/..."},
      {"on_diff:\n - {url: \"http:///x\"}", "f.yaml:2: url must be http://host/... or https://host/..."},
      {"on_diff:\n - {url: \"http://a b/\"}", "f.yaml:2: url must be http://host/... or https://host/..."},
      {"on_diff:\n - {command: [a], timeout: 11s}",
       "f.yaml:2: timeout is \"11s\"; it must be from 1ms to 10000ms"},
      {"on_diff:\n - {url: \"http://a/\", timeout: 6s}",
       "f.yaml:2: timeout is \"6s\"; it must be from 1ms to 5000ms"},
      {"on_diff:\n - {command: [a], agents: []}", "f.yaml:2: agents is an empty list; fill it or remove it"},
      {"on_diff:\n - {command: [a], shell: true}",
       "f.yaml:2: unknown key \"shell\"; known keys: name, command, url, agents, timeout"},
      {"on_diff:\n - {command: [a]}\n - {command: [/bin/a]}",
       "f.yaml:3: two hooks are called \"a\", the first at f.yaml:2; give one another name:"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Parse(text).status().message(), message) << text;
}

}  // namespace
}  // namespace agent_exporter::hooks

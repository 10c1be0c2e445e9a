#include "snapshot/diff_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace agent_exporter::snapshot {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(DiffEvent, HasTheFieldsAndTheSnapshot) {
  const hooks::HookEvent event = DiffEvent(
      "claude", {{"agent", "claude"}, {"timestamp", "t"}, {"diff_fields", {"load1", "pids.tmux.pane"}}},
      {{"load1", 0.5}});
  EXPECT_EQ(event.on, "on_diff");
  EXPECT_EQ(event.agent, "claude");
  EXPECT_EQ(event.timestamp, "t");
  EXPECT_THAT(event.environment, ElementsAre(Pair("AGENT_EXPORTER_DIFF_FIELDS", "load1,pids.tmux.pane")));
  EXPECT_EQ(event.details,
            nlohmann::json({{"diff_fields", {"load1", "pids.tmux.pane"}}, {"snapshot", {{"load1", 0.5}}}}));
}

TEST(DiffEvent, ALongListIsCutInTheEnvironmentOnly) {
  nlohmann::json fields = nlohmann::json::array();
  for (int i = 0; i < 10'000; ++i) fields.push_back("some.long.field.name." + std::to_string(i));
  const hooks::HookEvent event = DiffEvent("a", {{"timestamp", "t"}, {"diff_fields", fields}}, {});
  const std::string text = event.environment.at(0).second;
  EXPECT_LE(text.size(), 32u << 10);
  EXPECT_THAT(text, testing::StartsWith("some.long.field.name.0,some.long.field.name.1,"));
  EXPECT_THAT(text, testing::Not(testing::EndsWith(",")));
  EXPECT_EQ(event.details.at("diff_fields").size(), 10'000u);
}

}  // namespace
}  // namespace agent_exporter::snapshot

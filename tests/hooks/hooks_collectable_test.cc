#include "hooks/hooks_collectable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/base/wait_for.h"
#include "tests/collectors/observation_builder.h"

namespace agent_exporter::hooks {
namespace {

using testing::Contains;
using testing::Pair;

TEST(HooksCollectableTest, ShowsWhatCameOfHooksAndWhatHolds) {
  const auto pool =
      std::make_shared<HookPool>(std::vector<HookOptions>{{.name = "h", .command = {"/bin/false"}}}, nullptr);
  const auto events = std::make_shared<AgentEvents>(
      std::vector<ConditionOptions>{{.name = "c", .when = *Condition::Parse("instances == 0")}},
      [](const HookEvent&) {});
  const HooksCollectable collectable(pool, events);
  EXPECT_THAT(collectors::SamplesOf(collectable.Collect()),
              Contains(Pair("agent_exporter_hooks_total{hook=\"h\",result=\"timeout\"}", 0)));
  pool->Notify({.agent = "a"});
  ASSERT_TRUE(base::WaitFor([&] { return pool->Counts().at({"h", "failed"}) == 1; }));
  EXPECT_THAT(collectors::SamplesOf(collectable.Collect()),
              Contains(Pair("agent_exporter_hooks_total{hook=\"h\",result=\"failed\"}", 1)));
  events->Take(collectors::MakeObservation({collectors::MakeAgent("codex")}));
  EXPECT_THAT(collectors::SamplesOf(collectable.Collect()),
              Contains(Pair("agent_condition{agent=\"codex\",condition=\"c\"}", 1)));
}

}  // namespace
}  // namespace agent_exporter::hooks

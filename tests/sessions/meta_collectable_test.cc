#include "sessions/meta_collectable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "formats/formats.h"
#include "tests/base/wait_for.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const collectors::Families& families) {
  std::string text;
  formats::Serialize(formats::Format::kText, families, &text);
  return text;
}

std::shared_ptr<const agents::Observation> ObservedAgent(const std::string& name) {
  auto observation = std::make_shared<agents::Observation>();
  observation->agents.resize(1);
  observation->agents[0].name = name;
  observation->agents[0].kind = "coder";
  observation->agents[0].processes.resize(1);
  return observation;
}

std::shared_ptr<MetaKeeper> Keeper(const kernel::FakeTree& tree) {
  const MetaOptions file{
      .agent = "*", .source = MetaOptions::Source::kFile, .path = tree.root() + "/{agent}.json"};
  return std::make_shared<MetaKeeper>(std::make_unique<MetaReader>(std::vector{file}, nullptr));
}

TEST(MetaCollectableTest, ShowsTheCachedData) {
  const kernel::FakeTree tree;
  tree.Write("a.json", R"({"context_pct": 43.5, "subagents": 2, "model": "m \"1\""})");
  const auto keeper = Keeper(tree);
  const MetaCollectable collectable(keeper);
  EXPECT_TRUE(collectable.Collect().empty());
  keeper->Enqueue(ObservedAgent("a"));
  ASSERT_TRUE(base::WaitFor([&] { return !keeper->All().empty(); }));
  const std::string text = Text(collectable.Collect());
  EXPECT_THAT(text, HasSubstr("agent_context_ratio{agent=\"a\",kind=\"coder\"} 0.435\n"));
  EXPECT_THAT(text, HasSubstr("agent_subagents{agent=\"a\",kind=\"coder\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("agent_meta_info{agent=\"a\",kind=\"coder\",model=\"m \\\"1\\\"\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("agent_exporter_meta_reads_total{source=\"file\",result=\"ok\"} 1\n"));
}

TEST(MetaCollectableTest, UnreportedDataIsAbsent) {
  const kernel::FakeTree tree;
  tree.Write("a.json", R"({"alive": true})");
  const auto keeper = Keeper(tree);
  keeper->Enqueue(ObservedAgent("a"));
  ASSERT_TRUE(base::WaitFor([&] { return !keeper->All().empty(); }));
  const std::string text = Text(MetaCollectable(keeper).Collect());
  EXPECT_THAT(text, Not(HasSubstr("agent_context_ratio")));
  EXPECT_THAT(text, Not(HasSubstr("agent_subagents")));
  EXPECT_THAT(text, Not(HasSubstr("agent_meta_info")));
}

}  // namespace
}  // namespace agent_exporter::sessions

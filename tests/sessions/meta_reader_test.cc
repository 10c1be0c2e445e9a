#include "sessions/meta_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

agents::AgentSample Agent(const std::string& name) {
  agents::AgentSample agent;
  agent.name = name;
  agent.processes.resize(1);
  return agent;
}

class MetaReaderTest : public ::testing::Test {
 protected:
  MetaReader Reader(std::vector<MetaOptions> options) {
    return {std::move(options), [this](const std::string& line) { log_.push_back(line); }};
  }
  MetaOptions File(std::chrono::milliseconds interval) const {
    return {.agent = "a",
            .source = MetaOptions::Source::kFile,
            .path = tree_.root() + "/meta.json",
            .interval = interval};
  }

  kernel::FakeTree tree_;
  std::vector<std::string> log_;
};

TEST_F(MetaReaderTest, OtherSourcesAreNotItsBusiness) {
  for (const auto source : {MetaOptions::Source::kNone, MetaOptions::Source::kClaudeCode}) {
    MetaReader reader = Reader({{.agent = "a", .source = source}});
    EXPECT_FALSE(reader.Read(Agent("a")));
    EXPECT_THAT(reader.Counts(), testing::IsEmpty());
  }
  EXPECT_FALSE(Reader({}).Read(Agent("a")));
}

TEST_F(MetaReaderTest, ReadsNoMoreOftenThanTheInterval) {
  tree_.Write("meta.json", R"({"model": "one"})");
  MetaReader seldom = Reader({File(std::chrono::hours(1))});
  MetaReader always = Reader({File(std::chrono::milliseconds(0))});
  EXPECT_EQ(seldom.Read(Agent("a"))->model, "one");
  EXPECT_EQ(always.Read(Agent("a"))->model, "one");
  tree_.Write("meta.json", R"({"model": "two"})");
  EXPECT_EQ(seldom.Read(Agent("a"))->model, "one");
  EXPECT_EQ(always.Read(Agent("a"))->model, "two");
  // Agents of one name that differ by slot are different agents.
  agents::AgentSample other = Agent("a");
  other.slot = "1";
  EXPECT_EQ(seldom.Read(other)->model, "two");
}

TEST_F(MetaReaderTest, FailuresAreCountedAndLoggedOnce) {
  MetaReader reader = Reader({File(std::chrono::milliseconds(0))});
  EXPECT_FALSE(reader.Read(Agent("a")));  // no file yet is not a failure
  EXPECT_THAT(log_, ElementsAre());
  tree_.Write("meta.json", R"({"model": "one"})");
  EXPECT_TRUE(reader.Read(Agent("a")));
  tree_.Write("meta.json", "{");
  EXPECT_FALSE(reader.Read(Agent("a")));
  EXPECT_FALSE(reader.Read(Agent("a")));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("cannot read agent_meta of \"a\": ")));
  EXPECT_THAT(reader.Counts(),
              UnorderedElementsAre(Pair(Pair("file", "absent"), 1), Pair(Pair("file", "ok"), 1),
                                   Pair(Pair("file", "invalid"), 2)));
}

TEST_F(MetaReaderTest, AnAgentWithoutProcessesIsNotRead) {
  tree_.Write("meta.json", R"({"model": "one"})");
  MetaReader reader = Reader({File(std::chrono::hours(1))});
  EXPECT_TRUE(reader.Read(Agent("a")));
  agents::AgentSample gone;
  gone.name = "a";
  EXPECT_FALSE(reader.Read(gone));
  tree_.Write("meta.json", R"({"model": "two"})");
  EXPECT_EQ(reader.Read(Agent("a"))->model, "two");  // of the new process, not the cached one
}

}  // namespace
}  // namespace agent_exporter::sessions

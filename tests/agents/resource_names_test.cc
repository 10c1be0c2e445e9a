#include "agents/resource_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace agent_exporter::agents {
namespace {

using ::testing::ElementsAre;

template <typename Values>
std::vector<std::string> Names(const Values& values) {
  std::vector<std::string> names;
  for (const auto value : values) names.emplace_back(Name(value));
  return names;
}

// These words are label values and stand in stored JSON: a changed one breaks queries.
TEST(ResourceNames, AreThoseThatQueriesUse) {
  EXPECT_THAT(Names(kScopes), ElementsAre("self", "tree"));
  EXPECT_THAT(Names(kResources), ElementsAre("fds", "memory", "pids"));
  EXPECT_THAT(Names(kSources), ElementsAre("rlimit", "cgroup", "cgroup_ancestor", "host"));
}

}  // namespace
}  // namespace agent_exporter::agents

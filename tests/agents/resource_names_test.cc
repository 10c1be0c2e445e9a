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
  EXPECT_THAT(Names(kResources),
              ElementsAre("fds", "memory", "pids", "inotify_instances", "inotify_watches", "ptys"));
  EXPECT_THAT(Names(kSources), ElementsAre("rlimit", "cgroup", "cgroup_ancestor", "cgroup_high",
                                           "cgroup_swap", "v8_heap", "host"));
}

TEST(ResourceNames, AreFoundAgain) {
  for (const auto scope : kScopes) EXPECT_EQ(ScopeNamed(Name(scope)), scope);
  for (const auto resource : kResources) EXPECT_EQ(ResourceNamed(Name(resource)), resource);
  EXPECT_EQ(ScopeNamed("selves"), std::nullopt);
  EXPECT_EQ(ResourceNamed(""), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::agents

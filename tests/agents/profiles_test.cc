// The built-in profiles against the shapes that their agents have in /proc, one for each way to install and
// start them. tests/profiles starts the real ones.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "tests/agents/profile_case.h"

namespace agent_exporter::agents {
namespace {

TEST(ProfilesTest, EachHasAKnownKindAndSaysWhereItComesFrom) {
  for (const Rule& rule : Profiles().rules()) {
    EXPECT_THAT(rule.kind, testing::AnyOf("coder", "ci", "config", "worker")) << rule.name;
    EXPECT_EQ(rule.origin, "built-in profile " + rule.name);
    EXPECT_TRUE(rule.built_in) << rule.name;
  }
}

TEST(ProfilesTest, NoneNeedsCommOrTheJoinedLine) {
  for (const Rule& rule : Profiles().rules()) {
    EXPECT_TRUE(rule.comm.empty() && rule.cmdline.empty() && rule.except.cmdline.empty()) << rule.name;
  }
}

std::vector<ProfileCase> Shapes() {
  std::vector<ProfileCase> shapes = CoderShapes(), services = ServiceShapes();
  for (ProfileCase& shape : services) shapes.push_back(std::move(shape));
  return shapes;
}

class ShapeTest : public testing::TestWithParam<ProfileCase> {};

TEST_P(ShapeTest, IsFound) { EXPECT_EQ(AgentOf(GetParam()), GetParam().agent) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(Profiles, ShapeTest, testing::ValuesIn(Shapes()));

TEST(ProfilesTest, EveryRuleOfAProfileIsNeeded) {
  std::set<size_t> used;
  for (const ProfileCase& c : Shapes()) {
    FakeFacts facts = c.Facts();
    if (const std::optional<Match> match = Profiles().Find(facts)) used.insert(match->rule);
  }
  for (size_t i = 0; i < Profiles().rules().size(); ++i) {
    EXPECT_EQ(used.count(i), 1u) << "no case reaches rule " << i << " of " << Profiles().rules()[i].name;
  }
}

// What a stranger costs: its argv, which is read once, and nothing else.
TEST(ProfilesTest, AStrangerCostsNoReadButArgv) {
  for (const ProfileCase& c :
       std::vector<ProfileCase>{{"", "", "nginx", {"nginx: worker process"}, "/usr/sbin/nginx"},
                                {"", "", "bash", {"bash", "-c", "make"}, "/usr/bin/bash"},
                                {"", "", "vim", {"vim", "main.py"}, "/usr/bin/vim"}}) {
    FakeFacts facts = c.Facts();
    EXPECT_FALSE(Profiles().Find(facts).has_value()) << c;
    EXPECT_EQ(facts.exe_reads, 0) << c;
    EXPECT_EQ(facts.link_reads, 0) << c;
  }
}

}  // namespace
}  // namespace agent_exporter::agents

// A process as it looks in /proc, and the agent that the built-in profiles make of it.

#ifndef AGENT_EXPORTER_TESTS_AGENTS_PROFILE_CASE_H_
#define AGENT_EXPORTER_TESTS_AGENTS_PROFILE_CASE_H_

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "agents/rules.h"
#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {

struct ProfileCase {
  std::string agent;  // "" for none
  std::string how;    // how it was installed, or what it is
  std::string comm;
  std::vector<std::string> argv;
  std::string exe = {};
  std::map<std::string, std::string> links = {};

  FakeFacts Facts() const {
    FakeFacts facts = Process(comm, argv, exe);
    facts.links = links;
    return facts;
  }
};

inline std::ostream& operator<<(std::ostream& out, const ProfileCase& c) {
  return out << c.how << ": " << c.comm << " " << testing::PrintToString(c.argv) << " exe " << c.exe;
}

inline const RuleSet& Profiles() {
  static const RuleSet* const kSet = [] {
    absl::StatusOr<RuleSet> set = RuleSet::Make(BuiltInRules());
    EXPECT_TRUE(set.ok()) << set.status();
    return new RuleSet(*std::move(set));
  }();
  return *kSet;
}

inline std::string AgentOf(const ProfileCase& c) {
  FakeFacts facts = c.Facts();
  const std::optional<Match> match = Profiles().Find(facts);
  return match.has_value() ? match->agent : "";
}

// Every built-in profile is in one of them, by each of its rules.
std::vector<ProfileCase> CoderShapes();
std::vector<ProfileCase> ServiceShapes();

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_TESTS_AGENTS_PROFILE_CASE_H_

#include "run/name_claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "run/token_bucket.h"

namespace agent_exporter::run {
namespace {

using testing::HasSubstr;

constexpr uid_t kStranger = 1'234'567, kOther = 1'234'568;

agents::Rule MakeRule(const std::string& name) {
  agents::Rule rule;
  rule.comm = {name};
  rule.name = name;
  return rule;
}

TEST(NameClaimsTest, NamesOfTheExporterAreNobodys) {
  const NameClaims names;
  for (const char* name : {"other", "agent_exporter"}) {
    EXPECT_THAT(names.Check(name, kStranger).message(), HasSubstr("the exporter's own"));
    EXPECT_FALSE(names.Check(name, 0).ok());
  }
}

TEST(NameClaimsTest, AConfiguredNameIsForTheUsersOfItsRules) {
  std::vector<agents::Rule> rules = {MakeRule("of-user"), MakeRule("of-user"), MakeRule("of-unit"),
                                     MakeRule("of-all"), MakeRule("not-of")};
  rules[0].user = {std::to_string(kStranger)};
  rules[1].user = {"root"};
  rules[2].unit = {"codex.service"};
  rules[4].except.user = {std::to_string(kStranger)};
  NameClaims names;
  names.SetRules(rules);
  EXPECT_TRUE(names.Check("of-user", kStranger).ok());
  EXPECT_THAT(names.Check("of-user", kOther).message(), HasSubstr("configured for other users"));
  EXPECT_FALSE(names.Check("of-unit", kStranger).ok());
  EXPECT_TRUE(names.Check("of-all", kStranger).ok()) << "any user can start such a program";
  EXPECT_FALSE(names.Check("not-of", kStranger).ok());
  EXPECT_TRUE(names.Check("not-of", kOther).ok());
  EXPECT_TRUE(names.Check("nobody's", kStranger).ok());
  for (const char* name : {"of-user", "of-unit", "not-of"}) {
    EXPECT_TRUE(names.Check(name, 0).ok()) << name;
    EXPECT_TRUE(names.Check(name, geteuid()).ok()) << name;
  }
  names.SetRules({});
  EXPECT_TRUE(names.Check("of-user", kOther).ok()) << "a reload forgets the old rules";
}

TEST(TokenBucketTest, AllowsSoManyAtOnceAndThenSoManyASecond) {
  TokenBucket bucket(2, 3);
  const auto start = TokenBucket::Time() + std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(start)) << i;
  EXPECT_FALSE(bucket.Take(start));
  EXPECT_FALSE(bucket.Full(start));
  EXPECT_TRUE(bucket.Take(start + std::chrono::milliseconds(500)));
  EXPECT_FALSE(bucket.Take(start + std::chrono::milliseconds(500)));
  EXPECT_TRUE(bucket.Full(start + std::chrono::seconds(2)));
}

}  // namespace
}  // namespace agent_exporter::run

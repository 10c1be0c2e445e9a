#include "base/user_names.h"

#include <gtest/gtest.h>

namespace agent_exporter::base {
namespace {

TEST(UserIdTest, TakesNamesAndNumbers) {
  EXPECT_EQ(UserId("root"), 0u);
  EXPECT_EQ(UserId("54321"), 54321u);
  EXPECT_EQ(UserId("no such user"), std::nullopt);
  EXPECT_EQ(UserId("-1"), std::nullopt);
}

TEST(UserNamesTest, FallsBackToTheNumber) {
  UserNames users;
  EXPECT_EQ(users.Name(0), "root");
  EXPECT_EQ(users.Name(0), "root");
  EXPECT_EQ(users.Name(4000000000u), "4000000000");
}

}  // namespace
}  // namespace agent_exporter::base

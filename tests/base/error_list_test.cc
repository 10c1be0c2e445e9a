#include "base/error_list.h"

#include <gtest/gtest.h>

namespace agent_exporter::base {
namespace {

TEST(ErrorListTest, NothingAddedIsOk) {
  ErrorList errors;
  errors.Add(absl::OkStatus());
  EXPECT_EQ(errors.Take(absl::StatusOr<int>(7)), 7);
  EXPECT_TRUE(errors.empty());
  EXPECT_TRUE(errors.status().ok());
}

TEST(ErrorListTest, EachErrorHasALineAndTheyAreInOrder) {
  ErrorList errors;
  errors.Add(absl::InvalidArgumentError("a:b.yml:12: late\na:b.yml:3: early"));
  EXPECT_EQ(errors.Take(absl::StatusOr<int>(absl::InvalidArgumentError("a:b.yml:7: middle"))), std::nullopt);
  errors.Add(absl::InvalidArgumentError("a:b.yml: of the whole file"));
  errors.Add(absl::InvalidArgumentError("a:b.yml:7: second of its line"));
  EXPECT_FALSE(errors.empty());
  EXPECT_EQ(errors.status(),
            absl::InvalidArgumentError("a:b.yml: of the whole file\na:b.yml:3: early\na:b.yml:7: middle\n"
                                       "a:b.yml:7: second of its line\na:b.yml:12: late"));
}

}  // namespace
}  // namespace agent_exporter::base

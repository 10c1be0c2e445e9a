#include "agents/complete_sum.h"

#include <gtest/gtest.h>

namespace agent_exporter::agents {
namespace {

TEST(CompleteSum, AddsUpItsParts) {
  CompleteSum sum;
  EXPECT_EQ(sum.value(), 0u);
  sum.Add(2);
  sum.Add(3);
  EXPECT_EQ(sum.value(), 5u);
}

TEST(CompleteSum, IsUnknownOnceAPartWas) {
  CompleteSum sum;
  sum.Add(2);
  sum.Add(std::nullopt);
  sum.Add(3);
  EXPECT_EQ(sum.value(), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::agents

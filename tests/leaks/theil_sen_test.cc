#include "leaks/theil_sen.h"

#include <gtest/gtest.h>

#include <vector>

namespace agent_exporter::leaks {
namespace {

TEST(TheilSen, ALineIsItsSlope) { EXPECT_DOUBLE_EQ(*TheilSenSlope({{0, 5}, {1, 7}, {3, 11}, {10, 25}}), 2); }

TEST(TheilSen, AFewWildPointsChangeLittle) {
  std::vector<Point> points;
  for (int i = 0; i < 16; ++i) points.push_back({1.0 * i, 3.0 * i});
  points[4].y = 1e6;
  points[9].y = -1e6;
  EXPECT_NEAR(*TheilSenSlope(points), 3, 1e-9);
}

TEST(TheilSen, AnEvenNumberOfSlopesTakesTheMiddleOfTwo) {
  // Slopes 0, 0, 1, 2, 3, 6.
  EXPECT_DOUBLE_EQ(*TheilSenSlope({{0, 0}, {1, 0}, {2, 0}, {3, 6}}), 1.0);
}

TEST(TheilSen, NoTwoTimesNoSlope) {
  EXPECT_EQ(TheilSenSlope({}), std::nullopt);
  EXPECT_EQ(TheilSenSlope({{1, 1}}), std::nullopt);
  EXPECT_EQ(TheilSenSlope({{1, 1}, {1, 2}}), std::nullopt);
}

}  // namespace
}  // namespace agent_exporter::leaks

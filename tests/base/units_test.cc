#include "base/units.h"

#include <gtest/gtest.h>

namespace agent_exporter::base {
namespace {

TEST(Units, AsPeopleReadThem) {
  EXPECT_EQ(Bytes(952), "952 B");
  EXPECT_EQ(Bytes(3.7 * (1 << 30)), "3.7 GiB");
  EXPECT_EQ(Bytes(12 << 20), "12 MiB");
  EXPECT_EQ(Count(7), "7");
  EXPECT_EQ(Count(1024), "1,024");
  EXPECT_EQ(Count(1234567), "1,234,567");
  EXPECT_EQ(Duration(9.9), "9s");
  EXPECT_EQ(Duration(185), "3m 5s");
  EXPECT_EQ(Duration(7800), "2h 10m");
  EXPECT_EQ(Duration(4 * 86400 + 3 * 3600), "4d 3h");
}

}  // namespace
}  // namespace agent_exporter::base

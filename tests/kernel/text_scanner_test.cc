#include "kernel/text_scanner.h"

#include <gtest/gtest.h>

#include <limits>

namespace agent_exporter::kernel {
namespace {

TEST(TextScannerTest, NumbersReachTheLastBitAndNotBeyond) {
  EXPECT_EQ(TextScanner("18446744073709551615").Number(), std::numeric_limits<uint64_t>::max());
  for (const char* text : {"18446744073709551616", "99999999999999999999", "", "-1", "+1", " 1", "x"}) {
    TextScanner scan(text);
    EXPECT_EQ(scan.Number(), 0u) << text;
    EXPECT_FALSE(scan.ok()) << text;
  }
}

TEST(TextScannerTest, NumberAsRefusesWhatDoesNotFit) {
  TextScanner fits("2147483647");
  EXPECT_EQ(fits.NumberAs<int32_t>(), 2147483647);
  EXPECT_TRUE(fits.ok());
  TextScanner too_large("2147483648");
  too_large.NumberAs<int32_t>();
  EXPECT_FALSE(too_large.ok());
}

TEST(TextScannerTest, LinesEndWithTheirNewline) {
  TextScanner scan("one\n\ncut");
  EXPECT_EQ(scan.Line(), "one");
  EXPECT_EQ(scan.Line(), "");
  EXPECT_EQ(scan.Line(), std::nullopt);
  EXPECT_FALSE(scan.ok());
}

TEST(TextScannerTest, SkipsFields) {
  TextScanner scan("a -2 ccc 4 ");
  scan.SkipFields(3);
  EXPECT_EQ(scan.Number(), 4u);
  EXPECT_TRUE(scan.ok());
  scan.SkipFields(2);
  EXPECT_FALSE(scan.ok());
}

TEST(TextScannerTest, KilobytesAreStrict) {
  EXPECT_EQ(ParseKilobytes("\t    1234 kB"), 1234u * 1024);
  for (const char* text : {"", " ", " kB", "12 kB", " 12", " 12kB", " 12 KB", " 12 kB ", " 12 MB", " -1 kB",
                           " 0x1 kB", " 1.5 kB", " 18014398509481984 kB"}) {
    EXPECT_EQ(ParseKilobytes(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace agent_exporter::kernel

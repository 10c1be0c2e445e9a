#include "formats/text_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>

namespace agent_exporter::formats {
namespace {

std::string Number(double value) {
  std::string out;
  AppendNumber(value, &out);
  return out;
}

std::string Canonical(double value) {
  std::string out;
  AppendCanonicalFloat(value, &out);
  return out;
}

std::string Escaped(std::string_view text, Escape escape) {
  std::string out;
  AppendEscaped(text, escape, &out);
  return out;
}

TEST(TextWriterTest, WholeNumbersHaveNoExponent) {
  EXPECT_EQ(Number(0), "0");
  EXPECT_EQ(Number(-42), "-42");
  EXPECT_EQ(Number(1e6), "1000000");
  EXPECT_EQ(Number(1763776800000), "1763776800000");
  EXPECT_EQ(Number(9007199254740992.0), "9007199254740992");
  EXPECT_EQ(Number(-1e20), "-100000000000000000000");
  EXPECT_EQ(Number(1e21), "1e+21");
}

TEST(TextWriterTest, SpecialValuesAreWrittenForPrometheus) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Number(std::nan("")), "NaN");
  EXPECT_EQ(Number(-std::nan("")), "NaN");
  EXPECT_EQ(Number(infinity), "+Inf");
  EXPECT_EQ(Number(-infinity), "-Inf");
  EXPECT_EQ(Canonical(infinity), "+Inf");
}

TEST(TextWriterTest, FractionsAreShortestAndReadBackTheSame) {
  EXPECT_EQ(Number(0.1), "0.1");
  EXPECT_EQ(Number(0.1 + 0.2), "0.30000000000000004");
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t bits = random();
    double value;
    static_assert(sizeof(value) == sizeof(bits));
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isnan(value)) continue;
    ASSERT_EQ(std::strtod(Number(value).c_str(), nullptr), value) << Number(value);
    ASSERT_EQ(std::strtod(Canonical(value).c_str(), nullptr), value) << Canonical(value);
  }
}

TEST(TextWriterTest, CanonicalFloatsFollowPrometheus) {
  EXPECT_EQ(Canonical(0), "0.0");
  EXPECT_EQ(Canonical(1), "1.0");
  EXPECT_EQ(Canonical(-10), "-10.0");
  EXPECT_EQ(Canonical(0.005), "0.005");
  EXPECT_EQ(Canonical(0.0001), "0.0001");
  EXPECT_EQ(Canonical(0.00001), "1e-05");
  EXPECT_EQ(Canonical(999999), "999999.0");
  EXPECT_EQ(Canonical(1e6), "1e+06");
  EXPECT_EQ(Canonical(1234567.5), "1.2345675e+06");
}

TEST(TextWriterTest, EscapesReservedCharacters) {
  EXPECT_EQ(Escaped("a\\b\nc\"d", Escape::kNewlineAndQuote), "a\\\\b\\nc\\\"d");
  EXPECT_EQ(Escaped("a\\b\nc\"d", Escape::kNewline), "a\\\\b\\nc\"d");
  EXPECT_EQ(Escaped("\t\r\x7f{},=", Escape::kNewlineAndQuote), "\t\r\x7f{},=");
}

TEST(TextWriterTest, ValidUtf8IsKept) {
  // One sequence at each end of every length, and the neighbours of the surrogates.
  const std::string text = "\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff h\u00e9 \u65e5";
  EXPECT_EQ(Escaped(text, Escape::kNewline), text);
}

TEST(TextWriterTest, MalformedUtf8IsReplaced) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(Escaped("\xff", Escape::kNewline), r);
  EXPECT_EQ(Escaped("a\x80z", Escape::kNewline), "a" + r + "z");
  EXPECT_EQ(Escaped("\xc0\xaf", Escape::kNewline), r + r);                  // overlong
  EXPECT_EQ(Escaped("\xe0\x9f\xbf", Escape::kNewline), r + r + r);          // overlong
  EXPECT_EQ(Escaped("\xed\xa0\x80", Escape::kNewline), r + r + r);          // a surrogate
  EXPECT_EQ(Escaped("\xf4\x90\x80\x80", Escape::kNewline), r + r + r + r);  // above U+10FFFF
  EXPECT_EQ(Escaped("\xe6\x97", Escape::kNewline), r + r);                  // cut short
  EXPECT_EQ(Escaped("\xe6\"", Escape::kNewlineAndQuote), r + "\\\"");       // the quote is not swallowed
  EXPECT_EQ(Escaped(std::string_view("a\0b", 3), Escape::kNewline), "a" + r + "b");
}

TEST(TextWriterTest, TimeStampsInBothUnits) {
  const auto seconds = [](std::int64_t ms) {
    std::string out;
    AppendMillisecondsAsSeconds(ms, &out);
    return out;
  };
  EXPECT_EQ(seconds(1763776800123), "1763776800.123");
  EXPECT_EQ(seconds(1005), "1.005");
  EXPECT_EQ(seconds(-1500), "-1.500");
  EXPECT_EQ(seconds(std::numeric_limits<std::int64_t>::min()), "-9223372036854775.808");
  std::string out;
  AppendMilliseconds(-1500, &out);
  EXPECT_EQ(out, "-1500");
}

TEST(TextWriterTest, Names) {
  EXPECT_TRUE(IsMetricName("agent:up_1"));
  EXPECT_FALSE(IsMetricName(""));
  EXPECT_FALSE(IsMetricName("1up"));
  EXPECT_FALSE(IsMetricName("agent-up"));
  EXPECT_FALSE(IsMetricName("h\u00e9"));
  EXPECT_TRUE(IsLabelName("_pid"));
  EXPECT_FALSE(IsLabelName("a:b"));
  EXPECT_FALSE(IsLabelName("__name__"));
}

}  // namespace
}  // namespace agent_exporter::formats

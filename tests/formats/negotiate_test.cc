#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <string_view>

#include "formats/formats.h"

namespace agent_exporter::formats {
namespace {

// As sent by Prometheus 2.42 and 3.5.
constexpr std::string_view kPrometheus2 =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
constexpr std::string_view kPrometheus3 =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

TEST(NegotiateFormatTest, PrometheusGetsOpenMetrics) {
  EXPECT_EQ(NegotiateFormat(kPrometheus2), Format::kOpenMetrics);
  EXPECT_EQ(NegotiateFormat(kPrometheus3), Format::kOpenMetrics);
  EXPECT_EQ(NegotiateFormat("Application/OpenMetrics-Text; Version=\"1.0.0\""), Format::kOpenMetrics);
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text; version=0.0.1"), Format::kOpenMetrics);
  EXPECT_EQ(NegotiateFormat("application/*"), Format::kOpenMetrics);
}

TEST(NegotiateFormatTest, OthersGetText) {
  EXPECT_EQ(NegotiateFormat(""), Format::kText);
  EXPECT_EQ(NegotiateFormat("*/*"), Format::kText);
  EXPECT_EQ(NegotiateFormat("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            Format::kText);
  EXPECT_EQ(NegotiateFormat("text/plain"), Format::kText);
  EXPECT_EQ(NegotiateFormat(",;=,;;q"), Format::kText);
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;version=2.0.0"), Format::kText);
}

TEST(NegotiateFormatTest, QValuesDecide) {
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;q=0.5,text/plain;q=0.6"), Format::kText);
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;q=0.6,text/plain;q=0.5"), Format::kOpenMetrics);
  EXPECT_EQ(NegotiateFormat("text/plain;q=0.501,application/openmetrics-text;q=0.5"), Format::kText);
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;q=0.2,*/*"), Format::kText);
}

TEST(NegotiateFormatTest, ATieGoesToOpenMetrics) {
  EXPECT_EQ(NegotiateFormat("text/plain;q=0.5,application/openmetrics-text;q=0.500"), Format::kOpenMetrics);
}

TEST(NegotiateFormatTest, ZeroRefuses) {
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;q=0"), Format::kText);
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;q=0.000,text/plain;q=0.001"), Format::kText);
  EXPECT_EQ(NegotiateFormat("application/*;q=1,application/openmetrics-text;q=0"), Format::kText);
  EXPECT_EQ(NegotiateFormat("text/plain;q=0,application/openmetrics-text;q=0.1,*/*;q=1"),
            Format::kOpenMetrics);
}

TEST(NegotiateFormatTest, ElementsWithAMalformedQAreSkipped) {
  for (const char* q : {"", "2", "1.1", "-1", "0.5x", ".5", "1.0001", "nan", "0,5"}) {
    EXPECT_EQ(NegotiateFormat(std::string("application/openmetrics-text;q=") + q), Format::kText) << q;
  }
  EXPECT_EQ(NegotiateFormat("application/openmetrics-text;q=x,application/*"), Format::kOpenMetrics)
      << "nor a refusal";
}

TEST(NegotiateFormatTest, ContentTypesContainTheVersion) {
  EXPECT_EQ(ContentType(Format::kText), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(ContentType(Format::kOpenMetrics), "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

TEST(AcceptsGzipTest, ByQValue) {
  EXPECT_TRUE(AcceptsGzip("gzip"));
  EXPECT_TRUE(AcceptsGzip("deflate, GZIP;q=0.3, br"));
  EXPECT_TRUE(AcceptsGzip("*"));
  EXPECT_TRUE(AcceptsGzip("identity;q=0, *;q=0.1"));
  EXPECT_FALSE(AcceptsGzip(""));
  EXPECT_FALSE(AcceptsGzip("identity"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=0"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=0.0, *;q=1"));
  EXPECT_FALSE(AcceptsGzip("*;q=0"));
  EXPECT_FALSE(AcceptsGzip("gzipped"));
}

TEST(GzipTest, ReadsBackTheSame) {
  std::string plain;
  for (int i = 0; i < 50000; ++i) plain += "agent_up{agent=\"a" + std::to_string(i) + "\"} 1\n";
  const std::string packed = Gzip(plain);
  ASSERT_FALSE(packed.empty());
  EXPECT_LT(packed.size(), plain.size() / 4);
  ASSERT_EQ(packed.substr(0, 2), "\x1f\x8b");

  z_stream stream = {};
  ASSERT_EQ(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
  std::string unpacked(plain.size() + 1, '\0');
  std::string input = packed;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
  stream.avail_out = static_cast<uInt>(unpacked.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  unpacked.resize(stream.total_out);
  inflateEnd(&stream);
  EXPECT_EQ(unpacked, plain);
}

TEST(GzipTest, EmptyInputIsAnEmptyMember) { EXPECT_FALSE(Gzip("").empty()); }

}  // namespace
}  // namespace agent_exporter::formats

#include "formats/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/summary.h"

namespace agent_exporter::formats {
namespace {

using ::prometheus::ClientMetric;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Labels = std::vector<std::pair<std::string, std::string>>;

ClientMetric Sample(MetricType type, double value, const Labels& labels = {}) {
  ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  if (type == MetricType::Counter) metric.counter.value = value;
  if (type == MetricType::Gauge) metric.gauge.value = value;
  if (type == MetricType::Untyped) metric.untyped.value = value;
  return metric;
}

MetricFamily Family(std::string name, MetricType type, std::vector<ClientMetric> metrics) {
  return {std::move(name), "Help.", type, std::move(metrics)};
}

MetricFamily Gauge(std::string name, double value, const Labels& labels = {}) {
  return Family(std::move(name), MetricType::Gauge, {Sample(MetricType::Gauge, value, labels)});
}

MetricFamily Counter(std::string name, double value, const Labels& labels = {}) {
  return Family(std::move(name), MetricType::Counter, {Sample(MetricType::Counter, value, labels)});
}

MetricFamily Histogram(std::string name, std::vector<ClientMetric::Bucket> buckets, std::uint64_t count) {
  ClientMetric metric;
  metric.label.push_back({"agent", "a"});
  metric.histogram = {count, 2.5, std::move(buckets)};
  return Family(std::move(name), MetricType::Histogram, {metric});
}

std::string Text(const std::vector<MetricFamily>& families, std::vector<std::string>* dropped = nullptr) {
  std::string out;
  Serialize(Format::kText, families, &out, dropped);
  return out;
}

std::string OpenMetrics(const std::vector<MetricFamily>& families,
                        std::vector<std::string>* dropped = nullptr) {
  std::string out;
  Serialize(Format::kOpenMetrics, families, &out, dropped);
  return out;
}

std::vector<std::string> Dropped(const std::vector<MetricFamily>& families) {
  std::vector<std::string> text;
  std::vector<std::string> open_metrics;
  Text(families, &text);
  OpenMetrics(families, &open_metrics);
  EXPECT_EQ(text, open_metrics);
  return text;
}

// In its own directory, because Python searches the script's directory for modules first.
class Scratch {
 public:
  Scratch() {
    std::string pattern = testing::TempDir() + "formats_test.XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(directory_); }

  std::string File(const std::string& name, std::string_view content) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

 private:
  std::string directory_;
};

struct Outcome {
  int status;
  std::string output;
};

Outcome RunCommand(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Outcome outcome = {-1, ""};
  char room[4096];
  while (const std::size_t count = fread(room, 1, sizeof(room), pipe)) outcome.output.append(room, count);
  outcome.status = pclose(pipe);
  return outcome;
}

// Parses both formats with the Prometheus project's own parsers, fails unless they have the same samples, and
// prints how many.
constexpr std::string_view kCompare = R"(
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

def samples(read, path):
    text = open(path, encoding='utf-8', newline='').read()
    return sorted((s.name, sorted(s.labels.items()), repr(float(s.value)),
                   s.timestamp is not None and float(s.timestamp)) for f in read(text) for s in f.samples)

text, openmetrics = samples(read_text, sys.argv[1]), samples(read_openmetrics, sys.argv[2])
if text != openmetrics:
    sys.exit('differ: %r' % [pair for pair in zip(text, openmetrics) if pair[0] != pair[1]])
print(len(text))
)";

// Everything that prometheus-cpp's registry can produce, and every hostile label value.
std::vector<MetricFamily> Everything() {
  ::prometheus::Registry registry;
  ::prometheus::BuildHistogram()
      .Name("agent_scan_seconds")
      .Help("Scan.")
      .Register(registry)
      .Add({{"agent", "codex"}}, ::prometheus::Histogram::BucketBoundaries{0.005, 1, 10, 2e6})
      .Observe(0.5);
  ::prometheus::BuildSummary()
      .Name("agent_tick_seconds")
      .Help("Tick.")
      .Register(registry)
      .Add({}, ::prometheus::Summary::Quantiles{{0.5, 0.05}, {1, 0}})
      .Observe(2);
  std::vector<MetricFamily> families = registry.Collect();
  MetricFamily hostile = Family("agent_process_open_fds", MetricType::Gauge, {});
  int value = 0;
  for (const std::string& text :
       {std::string("\xff"), std::string("a\\"), std::string("\\n"), std::string("a\nb"),
        std::string("\"} 1\nx 2"), std::string(""), std::string("{}"), std::string("a\0b", 3),
        std::string("\xed\xa0\x80"), std::string("# EOF"), std::string(" # {a=\"b\"} 1"),
        std::string("\t\r\x01\x7f"), std::string("h\u00e9 \U0001F600"), std::string(",=")}) {
    hostile.metric.push_back(Sample(MetricType::Gauge, ++value, {{"comm", text}, {"agent", "a"}}));
  }
  families.push_back(hostile);
  const double infinity = std::numeric_limits<double>::infinity();
  families.push_back(Gauge("agent_leak_seconds_to_limit", infinity, {{"scope", "tree"}}));
  families.push_back(Gauge("agent_leak_growth_per_second", -infinity));
  families.push_back(Gauge("agent_context_ratio", std::nan("")));
  families.push_back(Counter("agent_self_cpu_seconds_total", 0.1 + 0.2, {{"mode", "user"}}));
  families.push_back(Counter("agent_restarts", 3));
  families.push_back(Gauge("agent_resource_limit", 1024, {{"scope", "self"}}));
  families.push_back(Gauge("agent_resource_limit_info", 1, {{"source", "rlimit"}}));
  families.push_back(Gauge("agent_exporter_build_info", 1, {{"version", "0.1.0"}}));
  families.push_back(Family("agent_foreign", MetricType::Untyped, {Sample(MetricType::Untyped, 1e21)}));
  MetricFamily stamped = Gauge("agent_last_exit_memory_bytes", 1);
  stamped.metric[0].timestamp_ms = 1763776800125;
  families.push_back(stamped);
  families.back().help = "A \\ and a\nnew line, a \" and \xff";
  return families;
}

TEST(FormatsTest, TextGolden) {
  EXPECT_EQ(
      Text({Gauge("agent_up", 1, {{"agent", "codex"}, {"kind", "cli"}}), Counter("agent_restarts_total", 2),
            Gauge("agent_exporter_build_info", 1, {{"version", "1"}})}),
      "# HELP agent_up Help.\n"
      "# TYPE agent_up gauge\n"
      "agent_up{agent=\"codex\",kind=\"cli\"} 1\n"
      "# HELP agent_restarts_total Help.\n"
      "# TYPE agent_restarts_total counter\n"
      "agent_restarts_total 2\n"
      "# HELP agent_exporter_build_info Help.\n"
      "# TYPE agent_exporter_build_info gauge\n"
      "agent_exporter_build_info{version=\"1\"} 1\n");
}

TEST(FormatsTest, OpenMetricsGolden) {
  EXPECT_EQ(
      OpenMetrics({Gauge("agent_up", 1, {{"agent", "codex"}}), Counter("agent_self_cpu_seconds_total", 2),
                   Gauge("agent_exporter_build_info", 1, {{"version", "1"}})}),
      "# HELP agent_up Help.\n"
      "# TYPE agent_up gauge\n"
      "agent_up{agent=\"codex\"} 1\n"
      "# HELP agent_self_cpu_seconds Help.\n"
      "# TYPE agent_self_cpu_seconds counter\n"
      "# UNIT agent_self_cpu_seconds seconds\n"
      "agent_self_cpu_seconds_total 2\n"
      "# HELP agent_exporter_build Help.\n"
      "# TYPE agent_exporter_build info\n"
      "agent_exporter_build_info{version=\"1\"} 1\n"
      "# EOF\n");
}

TEST(FormatsTest, BothFormatsHaveTheSameSamples) {
  std::vector<std::string> dropped;
  const Scratch scratch;
  const std::string text = scratch.File("same.txt", Text(Everything(), &dropped));
  const std::string open_metrics = scratch.File("same.om", OpenMetrics(Everything(), &dropped));
  EXPECT_THAT(dropped, IsEmpty());
  const Outcome outcome = RunCommand("/usr/bin/python3 " + scratch.File("compare.py", kCompare) + " " + text +
                                     " " + open_metrics);
  EXPECT_EQ(outcome.status, 0);
  // Histogram: 5 buckets, sum, count; summary: 2, sum, count; 14 hostile; 10 single ones.
  EXPECT_EQ(outcome.output, "35\n");
}

TEST(FormatsTest, PromtoolReportsNothing) {
  const Scratch scratch;
  std::vector<MetricFamily> families = Everything();
  const Outcome outcome = RunCommand("promtool check metrics < " + scratch.File("lint.txt", Text(families)));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "");
}

TEST(FormatsTest, NoFamiliesAreAValidExposition) {
  EXPECT_EQ(Text({}), "");
  EXPECT_EQ(OpenMetrics({}), "# EOF\n");
  EXPECT_EQ(Text({Family("agent_up", MetricType::Gauge, {})}), "")
      << "a family without samples is not written";
}

TEST(FormatsTest, AppendsToTheOutput) {
  std::string out = "before\n";
  Serialize(Format::kText, {Gauge("up", 1), Gauge("bad-name", 1)}, &out);
  EXPECT_EQ(out, "before\n# HELP up Help.\n# TYPE up gauge\nup 1\n");
}

TEST(FormatsTest, FamiliesOfOneNameAreMerged) {
  std::vector<MetricFamily> families = {Gauge("up", 1, {{"a", "1"}}), Gauge("down", 0),
                                        Gauge("up", 2, {{"a", "2"}})};
  families[0].help = "";
  EXPECT_EQ(Text(families),
            "# HELP up Help.\n# TYPE up gauge\nup{a=\"1\"} 1\nup{a=\"2\"} 2\n"
            "# HELP down Help.\n# TYPE down gauge\ndown 0\n");
}

TEST(FormatsTest, ACounterEndsInTotalInBothFormats) {
  EXPECT_THAT(Text({Counter("restarts", 3)}), HasSubstr("# TYPE restarts_total counter\nrestarts_total 3\n"));
  EXPECT_THAT(OpenMetrics({Counter("restarts", 3)}),
              HasSubstr("# TYPE restarts counter\nrestarts_total 3\n"));
}

TEST(FormatsTest, AShortNameInUseIsNotDeclaredTwice) {
  const std::string out = OpenMetrics({Gauge("limit_info", 1), Gauge("limit", 5), Counter("limit_total", 2)});
  EXPECT_THAT(out, HasSubstr("# TYPE limit_info gauge\nlimit_info 1\n"));
  EXPECT_THAT(out, HasSubstr("# TYPE limit gauge\nlimit 5\n"));
  EXPECT_THAT(out, HasSubstr("# TYPE limit_total unknown\nlimit_total 2\n"));
}

TEST(FormatsTest, InvalidValuesForATypeChangeTheTypeNotTheSamples) {
  EXPECT_THAT(OpenMetrics({Gauge("x_info", 2)}), HasSubstr("# TYPE x_info gauge\nx_info 2\n"));
  EXPECT_THAT(OpenMetrics({Counter("x_total", std::nan(""))}),
              HasSubstr("# TYPE x_total unknown\nx_total NaN\n"));
}

TEST(FormatsTest, UnitOnlyWhereTheNameEndsInOne) {
  EXPECT_THAT(OpenMetrics({Gauge("a_bytes", 1)}), HasSubstr("# UNIT a_bytes bytes\n"));
  EXPECT_THAT(OpenMetrics({Gauge("a_bytes_used", 1), Gauge("kilobytes", 1), Gauge("bytes", 1)}),
              Not(HasSubstr("UNIT")));
  EXPECT_THAT(Text({Gauge("a_bytes", 1)}), Not(HasSubstr("UNIT")));
}

TEST(FormatsTest, HelpIsEscapedForEachFormat) {
  MetricFamily family = Gauge("up", 1);
  family.help = "a\\b\nc\"d\xff";
  EXPECT_THAT(Text({family}), HasSubstr("# HELP up a\\\\b\\nc\"d\uFFFD\n"));
  EXPECT_THAT(OpenMetrics({family}), HasSubstr("# HELP up a\\\\b\\nc\\\"d\uFFFD\n"));
}

TEST(FormatsTest, TimeStampsAreMillisecondsInTextAndSecondsInOpenMetrics) {
  MetricFamily family = Gauge("up", 1);
  family.metric[0].timestamp_ms = 1763776800125;
  EXPECT_THAT(Text({family}), HasSubstr("up 1 1763776800125\n"));
  EXPECT_THAT(OpenMetrics({family}), HasSubstr("up 1 1763776800.125\n"));
}

TEST(FormatsTest, HistogramGetsItsInfinityBucketOnce) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string expected =
      "h_bucket{agent=\"a\",le=\"1.0\"} 1\nh_bucket{agent=\"a\",le=\"+Inf\"} 3\n"
      "h_sum{agent=\"a\"} 2.5\nh_count{agent=\"a\"} 3\n";
  EXPECT_THAT(Text({Histogram("h", {{1, 1}}, 3)}), HasSubstr("# TYPE h histogram\n" + expected));
  EXPECT_THAT(Text({Histogram("h", {{1, 1}, {3, infinity}}, 3)}),
              HasSubstr("# TYPE h histogram\n" + expected));
  EXPECT_THAT(OpenMetrics({Histogram("h", {{1, 1}}, 3)}),
              HasSubstr("# TYPE h histogram\n" + expected + "# EOF\n"));
}

TEST(FormatsTest, AnInconsistentHistogramIsDropped) {
  EXPECT_THAT(Dropped({Histogram("h", {{1, 2}, {1, 1}}, 3)}), ElementsAre("h")) << "bounds fall";
  EXPECT_THAT(Dropped({Histogram("h", {{2, 1}, {1, 2}}, 3)}), ElementsAre("h")) << "counts fall";
  EXPECT_THAT(Dropped({Histogram("h", {{4, 1}}, 3)}), ElementsAre("h")) << "a bucket above the count";
  EXPECT_THAT(Dropped({Histogram("h", {{1, std::nan("")}}, 3)}), ElementsAre("h"));
}

TEST(FormatsTest, SummaryQuantilesAreCanonicalFloats) {
  ClientMetric metric;
  metric.summary = {2, 3.5, {{0.5, 1.25}, {1, std::nan("")}}};
  EXPECT_THAT(
      Text({Family("s", MetricType::Summary, {metric})}),
      HasSubstr(
          "# TYPE s summary\ns{quantile=\"0.5\"} 1.25\ns{quantile=\"1.0\"} NaN\ns_sum 3.5\ns_count 2\n"));
}

TEST(FormatsTest, IllegalFamiliesAreDroppedAlone) {
  const std::vector<MetricFamily> families = {
      Gauge("good", 1),
      Gauge("bad-name", 1),
      Gauge("", 1),
      Gauge("bad_label", 1, {{"a b", "x"}}),
      Gauge("reserved_label", 1, {{"__name__", "x"}}),
      Gauge("repeated_label", 1, {{"a", "x"}, {"a", "y"}}),
      Gauge("two_types", 1),
      Counter("two_types_total", 1),
      Family("two_types", MetricType::Untyped, {Sample(MetricType::Untyped, 1)}),
      Gauge("also_good", 1),
  };
  EXPECT_THAT(Dropped(families),
              ElementsAre("bad-name", "", "bad_label", "reserved_label", "repeated_label", "two_types"));
  EXPECT_EQ(Text(families),
            "# HELP good Help.\n# TYPE good gauge\ngood 1\n"
            "# HELP two_types_total Help.\n# TYPE two_types_total counter\ntwo_types_total 1\n"
            "# HELP also_good Help.\n# TYPE also_good gauge\nalso_good 1\n");
}

TEST(FormatsTest, ALabelThatTheTypeAddsIsIllegal) {
  MetricFamily histogram = Histogram("h", {}, 0);
  histogram.metric[0].label.push_back({"le", "1"});
  MetricFamily summary =
      Family("s", MetricType::Summary, {Sample(MetricType::Summary, 0, {{"quantile", "1"}})});
  EXPECT_THAT(Dropped({histogram, summary, Gauge("g", 1, {{"le", "1"}})}), ElementsAre("h", "s"));
}

TEST(FormatsTest, AFamilyMayNotUseAHistogramsNames) {
  EXPECT_THAT(Dropped({Histogram("h", {}, 0), Gauge("h_count", 1)}), ElementsAre("h_count"));
  EXPECT_THAT(Dropped({Gauge("h_count", 1), Histogram("h", {}, 0)}), ElementsAre("h"));
}

TEST(FormatsTest, TheFirstOfTwoSamplesOfOneSeriesStays) {
  const std::vector<MetricFamily> families = {
      Gauge("up", 1, {{"a", "x"}, {"b", "y"}}),
      Gauge("up", 2, {{"b", "y"}, {"a", "x"}}),  // order does not matter
      Gauge("up", 3, {{"a", "y"}, {"b", "x"}}),  // other values do
      Gauge("up", 4, {{"a", "\xff"}}),
      Gauge("up", 5, {{"a", "\xfe"}}),  // the same once replaced
      Gauge("up", 6),
      Gauge("up", 7, {{"a", ""}}),  // empty is absent
  };
  std::vector<std::string> dropped;
  EXPECT_EQ(Text(families, &dropped),
            "# HELP up Help.\n# TYPE up gauge\nup{a=\"x\",b=\"y\"} 1\nup{a=\"y\",b=\"x\"} "
            "3\nup{a=\"\uFFFD\"} 4\nup 6\n");
  EXPECT_THAT(dropped, ElementsAre("up"));
}

}  // namespace
}  // namespace agent_exporter::formats

// A small /proc tree, kept as plain files, through the whole of a scrape: Watch, Observer, Registry, both
// formats. What comes out must be what is in tests/testdata/golden.txt and golden.openmetrics, byte for byte.
//
// After a change that is meant: UPDATE_GOLDEN=1 golden_test rewrites them, and the diff is for reviewing.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/collector.h"
#include "exporter/config.h"
#include "formats/formats.h"
#include "serve/registry.h"
#include "serve/watch.h"

namespace agent_exporter::e2e {
namespace {

const std::string kTestdata = AGENT_EXPORTER_TESTDATA;

// The exporter starts before the agents of the tree, so that all they did counts, and looks an hour later.
constexpr double kStart = 900;
constexpr double kLook = 4650.5;

// What depends on the run and not on the tree.
bool IsVolatile(const prometheus::MetricFamily& family) {
  static const std::set<std::string> kVolatile = {"agent_exporter_collector_duration_seconds"};
  return kVolatile.count(family.name) != 0;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class GoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sysconf(_SC_CLK_TCK) != 100) GTEST_SKIP() << "the tree was captured with 100 clock ticks a second";
    absl::StatusOr<exporter::Config> config = exporter::ParseConfig(
        "builtin_profiles: true\nagents:\n  - {name: ci, kind: worker, slot: \"7\", match: {comm: nosuch}}\n",
        "a.yaml");
    ASSERT_TRUE(config.ok()) << config.status();
    double uptime = kStart;
    const serve::WatchOptions options{
        .procfs = kTestdata + "/tree/proc",
        .sysfs = kTestdata + "/tree/sys",
        .fields = {.memory_parts = true, .open_fds = true, .io = true, .context_switches = true},
        .clock = [&uptime] {
          return base::ClockReading{.wall = 1700000000 + uptime, .monotonic = uptime, .boottime = uptime};
        }};
    absl::StatusOr<std::unique_ptr<serve::Watch>> watch =
        serve::Watch::Make(options, std::move(config->rules));
    ASSERT_TRUE(watch.ok()) << watch.status();
    uptime = kLook;
    absl::StatusOr<std::shared_ptr<const agents::Observation>> observation =
        (*watch)->observer().Observe(true);
    ASSERT_TRUE(observation.ok()) << observation.status();

    serve::Registry registry([&] { return *observation; }, std::chrono::seconds(60));
    for (const collectors::CollectorRow& row : collectors::CollectorTable()) registry.Register(row);
    absl::StatusOr<collectors::Families> families = registry.Scrape({}, {});
    ASSERT_TRUE(families.ok()) << families.status();
    for (prometheus::MetricFamily& family : *families) {
      if (!IsVolatile(family)) families_.push_back(std::move(family));
    }
  }

  void Compare(formats::Format format, const std::string& name) const {
    std::vector<std::string> dropped;
    std::string text;
    formats::Serialize(format, families_, &text, &dropped);
    EXPECT_TRUE(dropped.empty()) << dropped[0];
    const std::string path = kTestdata + "/" + name;
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << text;
      GTEST_SKIP() << "wrote " << path;
    }
    const std::string golden = ReadFile(path);
    ASSERT_FALSE(golden.empty()) << path << " is missing; UPDATE_GOLDEN=1 writes it";
    EXPECT_EQ(text, golden);
  }

  collectors::Families families_;
};

TEST_F(GoldenTest, Text) { Compare(formats::Format::kText, "golden.txt"); }
TEST_F(GoldenTest, OpenMetrics) { Compare(formats::Format::kOpenMetrics, "golden.openmetrics"); }

}  // namespace
}  // namespace agent_exporter::e2e

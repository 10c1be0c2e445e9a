#include "ledger/ledger_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/ledger/temporary_ledger.h"

namespace agent_exporter::ledger {
namespace {

using nlohmann::json;
using Query = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t kNow = 1'700'000'000'000;

class LedgerRoutesTest : public TemporaryLedger {
 protected:
  void SetUp() override {
    TemporaryLedger::SetUp();
    const auto writer = Writer();
    const std::vector<SourceSample> first = {
        {.agent = "codex", .source = "agent-server", .pid = 7, .cpu_percent = 0, .rss_bytes = 1024},
        {.agent = "codex",
         .source = "session:<b>\xff",
         .pid = 8,
         .cpu_percent = 40,
         .rss_bytes = std::nullopt}};
    const std::vector<SourceSample> second = {{.agent = "codex",
                                               .source = "agent-server",
                                               .pid = 7,
                                               .cpu_percent = 10.01,
                                               .rss_bytes = 4096,
                                               .heap_used_bytes = 2048}};
    ASSERT_TRUE(writer->WriteTick(kNow - 60'000, kNow, first).ok());
    ASSERT_TRUE(writer->WriteTick(kNow, kNow + 60'000, second).ok());
    reader_ = std::make_unique<LedgerReader>(path_);
    view_ = {.reader = reader_.get(), .live = [this] { return live_; }, .now_ms = [] { return kNow; }};
  }
  json Get(http::HttpResponse (*route)(const LedgerView&, const http::HttpRequest&), Query query = {}) {
    http::HttpRequest request;
    request.query = std::move(query);
    const http::HttpResponse response = route(view_, request);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    return json::parse(response.body);
  }
  std::unique_ptr<LedgerReader> reader_;
  LedgerView view_;
  SourceKeys live_ = {{"codex", "agent-server"}};
};

TEST_F(LedgerRoutesTest, SummaryHasTheShapeOfTheSpecification) {
  EXPECT_EQ(Get(&ResourceSummary), json::parse(R"({
    "windowHours": 1, "sinceMs": 1699996400000, "sampleCount": 3, "agents": ["codex"],
    "sources": [
      {"agent": "codex", "source": "agent-server", "currentCpuPercent": 10.01, "currentRssBytes": 4096,
       "currentHeapUsedBytes": 2048, "avgCpuPercent": 5.01, "peakCpuPercent": 10.01, "avgRssBytes": 2560.0,
       "peakRssBytes": 4096, "sampleCount": 2, "newestTs": 1700000000000},
      {"agent": "codex", "source": "session:<b>�", "currentCpuPercent": null, "currentRssBytes": null,
       "currentHeapUsedBytes": null, "avgCpuPercent": 40.0, "peakCpuPercent": 40.0, "avgRssBytes": null,
       "peakRssBytes": null, "sampleCount": 1, "newestTs": 1699999940000}]})"));
  live_.clear();
  EXPECT_EQ(Get(&ResourceSummary)["sources"][0]["currentCpuPercent"], nullptr)
      << "it ended since the last tick";
}

TEST_F(LedgerRoutesTest, SamplesArePagedWithACursor) {
  const json page = Get(&ResourceSamples, {{"limit", "1"}, {"sinceHours", "0.5"}});
  EXPECT_EQ(page["windowHours"], 0.5);
  EXPECT_EQ(page["samples"], json::parse(R"([{"ts": 1700000000000, "agent": "codex", "source": "agent-server",
      "pid": 7, "cpuPercent": 10.01, "rssBytes": 4096, "heapUsedBytes": 2048}])"));
  const json next = Get(&ResourceSamples, {{"limit", "1"}, {"cursor", page["nextCursor"]}});
  EXPECT_EQ(next["samples"][0]["ts"], kNow - 60'000);
  EXPECT_EQ(next["samples"][0]["rssBytes"], nullptr);
  const json last = Get(&ResourceSamples, {{"limit", "1"}, {"cursor", next["nextCursor"]}});
  EXPECT_EQ(last["nextCursor"], nullptr);
  EXPECT_EQ(Get(&ResourceSamples)["samples"].size(), 3u);
}

TEST_F(LedgerRoutesTest, RateLimitsAreCountedApart) {
  std::vector<RateLimitEvent> events;
  for (const auto& [kind, count] :
       std::map<std::string, int>{{"trip", 6}, {"recover", 5}, {"529", 4}, {"throttle", 3}, {"quota", 2}}) {
    for (int i = 0; i < count; ++i) {
      events.push_back({.agent = "codex", .source = "breaker", .kind = kind, .ts = kNow - 1000});
    }
  }
  ASSERT_EQ(*Writer()->AddEvents(events), 20);
  const json answer = Get(&ResourceRateLimits, {{"sinceHours", "12"}});
  EXPECT_EQ(answer["summary"],
            json::parse(R"({"trips": 6, "tripsPerHour": 0.5, "recovers": 5, "sentinel": 9, "total": 20})"));
  EXPECT_EQ(answer["byKind"],
            json::parse(R"({"529": 4, "quota": 2, "recover": 5, "throttle": 3, "trip": 6})"));
  ASSERT_EQ(answer["events"].size(), 20u);
  EXPECT_EQ(answer["events"][0]["agent"], "codex");
  EXPECT_EQ(Get(&ResourceRateLimits, {{"agent", "claude"}})["summary"]["total"], 0);
}

TEST_F(LedgerRoutesTest, WithoutALedgerOrAFileIts503) {
  std::filesystem::remove_all(directory_);
  for (const auto route : {&ResourceSummary, &ResourceSamples, &ResourceRateLimits}) {
    for (LedgerReader* reader : {reader_.get(), static_cast<LedgerReader*>(nullptr)}) {
      view_.reader = reader;
      const http::HttpResponse response = route(view_, {});
      EXPECT_EQ(response.status, 503);
      EXPECT_EQ(response.body, "resource ledger unavailable\n");
    }
  }
}

}  // namespace
}  // namespace agent_exporter::ledger

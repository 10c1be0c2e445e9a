#include "ledger/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <tuple>

#include "tests/ledger/temporary_ledger.h"

namespace agent_exporter::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kMinute = 60'000;
constexpr int64_t kBegin = 472'222 * kMillisPerHour + 17 * kMinute;  // not on an hour's edge

class ReaderTest : public TemporaryLedger {
 protected:
  void SetUp() override {
    TemporaryLedger::SetUp();
    writer_ = Writer();
  }
  // A tick a minute for `minutes`; the server's CPU is the minute's number.
  void Fill(int minutes, const std::string& agent = "codex") {
    for (int i = 0; i < minutes; ++i) {
      ts_ = kBegin + i * kMinute;
      const std::vector<SourceSample> samples = {
          {.agent = agent, .source = "agent-server", .pid = 7, .cpu_percent = 1.0 * i, .rss_bytes = 1024 * i},
          {.agent = agent, .source = "session:a", .pid = 8, .cpu_percent = 50, .rss_bytes = std::nullopt}};
      ASSERT_TRUE(writer_->WriteTick(ts_, ts_ + 2 * kMinute, samples).ok());
    }
  }
  absl::StatusOr<Summary> Sum(int64_t since, int64_t now, const std::string& agent = "") {
    return LedgerReader(path_).Summarize({.agent = agent, .since = since, .now = now});
  }

  std::unique_ptr<LedgerWriter> writer_;
  int64_t ts_ = 0;
};

TEST_F(ReaderTest, SumsAgreeWithTheSamplesWhereverTheWindowBegins) {
  Fill(400);
  for (const int back : {1, 17, 42, 43, 44, 60, 61, 163, 399}) {
    const auto summary = Sum(ts_ - back * kMinute, ts_);
    ASSERT_TRUE(summary.ok()) << summary.status();
    ASSERT_EQ(summary->sources.size(), 2u) << back;
    const SourceSummary& server = summary->sources[0];
    const int first = 399 - back;
    EXPECT_EQ(server.samples, back + 1) << back;
    EXPECT_EQ(summary->samples, 2 * (back + 1)) << back;
    EXPECT_DOUBLE_EQ(server.average_cpu_percent, (first + 399) / 2.0) << back;
    EXPECT_DOUBLE_EQ(server.peak_cpu_percent, 399) << back;
    EXPECT_DOUBLE_EQ(*server.average_rss_bytes, 1024 * (first + 399) / 2.0) << back;
    EXPECT_EQ(server.peak_rss_bytes, 399 * 1024) << back;
    EXPECT_EQ(server.newest_ts, ts_) << back;
    EXPECT_DOUBLE_EQ(*server.current_cpu_percent, 399) << back;
    EXPECT_EQ(summary->sources[1].average_rss_bytes, std::nullopt) << "never known, so no 0";
    EXPECT_EQ(summary->sources[1].peak_rss_bytes, std::nullopt);
  }
}

TEST_F(ReaderTest, AnHourThatWasPrunedInPartCountsWhatIsLeft) {
  Fill(200);
  ASSERT_FALSE(*writer_->Prune({.samples = ts_ - 99 * kMinute, .events = 0, .future = ts_ + 1}));
  EXPECT_EQ(Sum(0, ts_)->sources[0].samples, 100);
}

TEST_F(ReaderTest, CurrentIsOnlyWhatTheLastTickHad) {
  Fill(3);
  const std::vector<SourceSample> samples = {
      {.agent = "codex", .source = "agent-server", .cpu_percent = 3, .heap_used_bytes = 2048}};
  ASSERT_TRUE(writer_->WriteTick(ts_ + kMinute, ts_ + 3 * kMinute, samples).ok());
  auto summary = *Sum(0, ts_ + kMinute);
  EXPECT_EQ(summary.sources[0].current_cpu_percent, 3.0);
  EXPECT_EQ(summary.sources[0].current_heap_used_bytes, 2048);
  EXPECT_EQ(summary.sources[0].current_rss_bytes, std::nullopt);
  EXPECT_EQ(summary.sources[1].current_cpu_percent, std::nullopt) << "the session ended";
  summary = *Sum(0, ts_ + 4 * kMinute);
  EXPECT_EQ(summary.sources[0].current_cpu_percent, std::nullopt) << "the exporter was away for long";
  EXPECT_EQ(summary.sources[0].samples, 4);
}

TEST_F(ReaderTest, OneAgentOfSeveral) {
  Fill(5, "codex");
  Fill(3, "claude");
  LedgerReader reader(path_);
  EXPECT_THAT(*reader.Agents(), ElementsAre("claude", "codex"));
  EXPECT_EQ(Sum(0, kBegin + 10 * kMinute, "claude")->samples, 6);
  EXPECT_EQ(Sum(0, kBegin + 10 * kMinute)->samples, 16);
  EXPECT_THAT(Sum(0, kBegin + 10 * kMinute, "nobody")->sources, IsEmpty());
}

TEST_F(ReaderTest, PagesTogetherAreAllSamplesOnceNewestFirst) {
  Fill(20, "codex");
  Fill(20, "claude");
  LedgerReader reader(path_);
  for (const auto& [agent, source, all] :
       std::vector<std::tuple<std::string, std::string, size_t>>{{"", "", 80},
                                                                 {"codex", "", 40},
                                                                 {"", "session:a", 40},
                                                                 {"claude", "agent-server", 20},
                                                                 {"x", "", 0}}) {
    const LedgerWindow window{.agent = agent, .source = source, .since = 0, .now = ts_};
    std::set<std::tuple<int64_t, std::string, std::string>> seen;
    std::optional<SampleCursor> cursor;
    int64_t last = ts_ + 1;
    do {
      const auto page = reader.Samples(window, cursor, 7);
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_LE(page->samples.size(), 7u);
      for (const StoredSample& sample : page->samples) {
        EXPECT_LE(sample.ts, last);
        last = sample.ts;
        EXPECT_TRUE(seen.emplace(sample.ts, sample.agent, sample.source).second);
      }
      cursor = page->next;
    } while (cursor);
    EXPECT_EQ(seen.size(), all) << agent << " " << source;
  }
}

TEST_F(ReaderTest, ManySourcesOfOneAgentArePagedAsWell) {
  std::vector<SourceSample> samples = {{.agent = "claude", .source = "agent-server"}};
  for (int i = 0; i < 30; ++i)
    samples.push_back({.agent = "codex", .source = "session:" + std::to_string(i)});
  for (int64_t ts = 1; ts <= 10; ++ts) ASSERT_TRUE(writer_->WriteTick(ts, ts, samples).ok());
  const auto page = LedgerReader(path_).Samples({.agent = "codex", .since = 3, .now = 9}, std::nullopt, 1000);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->samples.size(), 30u * 7);
  EXPECT_EQ(page->samples.front().ts, 9);
  EXPECT_EQ(page->samples.back().ts, 3);
}

TEST_F(ReaderTest, EventsByKindAndNewestFirst) {
  std::vector<RateLimitEvent> events;
  for (int i = 0; i < 1200; ++i) {
    events.push_back(
        {.agent = i % 2 == 0 ? "codex" : "claude", .source = "breaker", .kind = "trip", .ts = i});
  }
  events.push_back({.agent = "codex", .source = "log", .kind = "529", .ts = 2000});
  ASSERT_EQ(*writer_->AddEvents(events), 1201);
  LedgerReader reader(path_);
  const auto limits = reader.Events({.since = 0, .now = 3000});
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(limits->by_kind, (std::map<std::string, int64_t>{{"529", 1}, {"trip", 1200}}));
  ASSERT_EQ(limits->events.size(), 1000u);
  EXPECT_EQ(limits->events[0].id, "log:2000:0");
  EXPECT_EQ(limits->events[1].ts, 1199);
  EXPECT_EQ(reader.Events({.agent = "claude", .since = 100, .now = 199})->by_kind.at("trip"), 50);
}

TEST_F(ReaderTest, EventsOfOneMillisecondGoByTheirNumber) {
  std::vector<RateLimitEvent> events;
  for (int seq : {9, 10, 2, 100}) {
    events.push_back({.agent = "codex", .source = "log", .kind = "529", .ts = 5, .seq = seq});
  }
  ASSERT_EQ(*writer_->AddEvents(events), 4);
  LedgerReader reader(path_);
  const auto limits = reader.Events({.since = 0, .now = 10});
  ASSERT_TRUE(limits.ok()) << limits.status();
  std::vector<std::string> ids;
  for (const StoredEvent& event : limits->events) ids.push_back(event.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"log:5:100", "log:5:10", "log:5:9", "log:5:2"}));
}

TEST_F(ReaderTest, ManyReadWhileOneWrites) {
  Fill(100);
  LedgerReader reader(path_);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        const auto summary = reader.Summarize({.since = 0, .now = kBegin + 500 * kMinute});
        // Both sources have as many samples, whenever it is read: a tick is there whole or not at all.
        if (!summary.ok() || summary->sources[0].samples != summary->sources[1].samples) ++failed;
      }
    });
  }
  Fill(300);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(ReaderTest, AReplacedFileIsReadAnew) {
  Fill(10);
  LedgerReader reader(path_);
  ASSERT_EQ(reader.Summarize({.since = 0, .now = ts_})->samples, 20);
  writer_.reset();
  ASSERT_TRUE(SetAside(path_, 0).ok());
  EXPECT_FALSE(reader.Summarize({.since = 0, .now = ts_}).ok()) << "there is none now";
  writer_ = Writer();
  Fill(1);
  EXPECT_EQ(reader.Summarize({.since = 0, .now = ts_})->samples, 2);
}

TEST_F(ReaderTest, AnEmptyLedgerIsNoError) {
  LedgerReader reader(path_);
  EXPECT_THAT(reader.Summarize({.since = 0, .now = 1})->sources, IsEmpty());
  EXPECT_THAT(reader.Samples({.since = 0, .now = 1}, std::nullopt, 5)->samples, IsEmpty());
  EXPECT_THAT(reader.Events({.since = 0, .now = 1})->events, IsEmpty());
  EXPECT_THAT(*reader.Agents(), IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::ledger

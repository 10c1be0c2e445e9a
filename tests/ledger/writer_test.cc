#include "ledger/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ledger/temporary_ledger.h"

namespace agent_exporter::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WriterTest : public TemporaryLedger {
 protected:
  static SourceSample Server(double cpu, std::optional<int64_t> rss) {
    return {.agent = "codex", .source = "agent-server", .pid = 7, .cpu_percent = cpu, .rss_bytes = rss};
  }
  std::vector<std::string> Samples() const {
    return Rows("SELECT ts, source, pid, cpu_percent, rss_bytes, heap_used_bytes FROM resource_samples", 6);
  }
};

TEST_F(WriterTest, ATickIsStoredAndSummedUp) {
  const auto writer = Writer();
  const std::vector<SourceSample> samples = {Server(12.345, 4096), {.agent = "codex", .source = "aggregate"}};
  ASSERT_TRUE(writer->WriteTick(1000, 2000, samples).ok());
  EXPECT_THAT(Samples(), ElementsAre("1000|agent-server|7|12.35|4096|", "1000|aggregate||0.0||"));
  ASSERT_TRUE(writer->WriteTick(2000, 3000, {Server(20, std::nullopt)}).ok());
  ASSERT_TRUE(writer->WriteTick(3000, 4000, {Server(1, 8192)}).ok());
  EXPECT_THAT(Rows("SELECT hour, samples, cpu_sum, cpu_peak, rss_samples, rss_sum, rss_peak, newest_ts "
                   "FROM hourly WHERE source_id = 1",
                   8),
              ElementsAre("0|3|3335|2000|2|12288|8192|3000"));
  EXPECT_THAT(Rows("SELECT ts, fresh_until FROM ticks", 2), ElementsAre("3000|4000"));
}

TEST_F(WriterTest, NegativeAndNaNAreStoredAsZero) {
  const auto writer = Writer();
  ASSERT_TRUE(writer->WriteTick(1, 2, {Server(-3, -4096)}).ok());
  ASSERT_TRUE(writer->WriteTick(2, 3, {Server(std::nan(""), 0)}).ok());
  EXPECT_THAT(Samples(), ElementsAre("1|agent-server|7|0.0|0|", "2|agent-server|7|0.0|0|"));
}

TEST_F(WriterTest, TheSameMillisecondTwiceIsCountedOnce) {
  const auto writer = Writer();
  ASSERT_TRUE(writer->WriteTick(1000, 2000, {Server(10, 4096)}).ok());
  ASSERT_TRUE(writer->WriteTick(1000, 2000, {Server(90, 8192)}).ok());
  EXPECT_THAT(Samples(), ElementsAre("1000|agent-server|7|10.0|4096|"));
  EXPECT_THAT(Rows("SELECT samples, cpu_peak FROM hourly", 2), ElementsAre("1|1000"));
}

TEST_F(WriterTest, AnEventOfTheSameIdIsIgnored) {
  const auto writer = Writer();
  const RateLimitEvent event{.agent = "codex", .source = "breaker", .kind = "trip", .ts = 5, .seq = 1};
  EXPECT_EQ(*writer->AddEvents({&event, 1}), 1);
  EXPECT_EQ(*writer->AddEvents({&event, 1}), 0);
  RateLimitEvent other = event;
  other.agent = "claude";
  EXPECT_EQ(*writer->AddEvents({&other, 1}), 1) << "ids are an agent's own";
  EXPECT_THAT(Rows("SELECT agent, id, kind, ts FROM rate_limit_events ORDER BY agent", 4),
              ElementsAre("claude|breaker:5:1|trip|5", "codex|breaker:5:1|trip|5"));
  EXPECT_EQ(writer->Totals()->at({"codex", "trip"}), 1);
}

TEST_F(WriterTest, WithoutASequenceNumberEveryEventIsNew) {
  const auto writer = Writer();
  const RateLimitEvent event{.agent = "codex", .source = "log", .kind = "529", .ts = 5};
  const std::vector<RateLimitEvent> events(12, event);
  EXPECT_EQ(*writer->AddEvents(events), 12);
  EXPECT_EQ(*writer->AddEvents(events), 12);
  EXPECT_THAT(Rows("SELECT max(CAST(substr(id, 7) AS INTEGER)) FROM rate_limit_events"), ElementsAre("23"));
  EXPECT_EQ(Writer()->Totals()->at({"codex", "529"}), 24) << "after a restart";
}

TEST_F(WriterTest, PruneKeepsWhatIsAsOldAsTheCutoff) {
  const auto writer = Writer();
  for (const int64_t ts : {99, 100, 101}) {
    ASSERT_TRUE(writer->WriteTick(ts, ts, {Server(1, 4096)}).ok());
    const RateLimitEvent event{.agent = "codex", .source = "breaker", .kind = "trip", .ts = ts};
    ASSERT_TRUE(writer->AddEvents({&event, 1}).ok());
  }
  EXPECT_FALSE(*writer->Prune({.samples = 100, .events = 101, .future = 1000}));
  EXPECT_THAT(Rows("SELECT ts FROM samples"), ElementsAre("100", "101"));
  EXPECT_THAT(Rows("SELECT ts FROM rate_limit_events"), ElementsAre("101"));
  EXPECT_EQ(writer->Totals()->at({"codex", "trip"}), 3) << "what was counted stays counted";
}

TEST_F(WriterTest, PruneGoesInBoundedBatchesAndForgetsSourcesLast) {
  const auto writer = Writer();
  for (int64_t ts = 1; ts <= 2500; ++ts) ASSERT_TRUE(writer->WriteTick(ts, ts, {Server(1, 4096)}).ok());
  const LedgerWriter::Cutoffs cutoffs{
      .samples = 10 * kMillisPerHour, .events = 0, .future = 20 * kMillisPerHour};
  EXPECT_TRUE(*writer->Prune(cutoffs));
  EXPECT_THAT(Rows("SELECT count(*) FROM samples"), ElementsAre("500"));
  EXPECT_THAT(Rows("SELECT source FROM sources"), ElementsAre("agent-server"));
  EXPECT_FALSE(*writer->Prune(cutoffs));
  for (const char* table : {"samples", "hourly", "sources"}) {
    EXPECT_THAT(Rows(std::string("SELECT * FROM ") + table), IsEmpty()) << table;
  }
  ASSERT_TRUE(writer->WriteTick(11 * kMillisPerHour, 0, {Server(1, 4096)}).ok()) << "its id is known no more";
  EXPECT_EQ(Samples().size(), 1u);
}

TEST_F(WriterTest, PruneTakesWhatAWrongClockStored) {
  const auto writer = Writer();
  ASSERT_TRUE(writer->WriteTick(100, 100, {Server(1, 4096)}).ok());
  ASSERT_TRUE(writer->WriteTick(50 * kMillisPerHour, 100, {Server(1, 4096)}).ok());
  EXPECT_FALSE(*writer->Prune({.samples = 0, .events = 0, .future = kMillisPerHour}));
  EXPECT_THAT(Rows("SELECT ts FROM samples"), ElementsAre("100"));
  EXPECT_THAT(Rows("SELECT hour FROM hourly"), ElementsAre("0"));
}

TEST_F(WriterTest, AFailedTickLeavesNothingBehind) {
  const auto writer = Writer();
  auto other = base::Database::Open(path_, base::Database::Mode::kReadWrite);
  ASSERT_TRUE(
      other->Run("CREATE TRIGGER no BEFORE INSERT ON ticks BEGIN SELECT RAISE(ABORT, 'no'); END").ok());
  EXPECT_FALSE(writer->WriteTick(1, 2, {Server(1, 4096)}).ok());
  EXPECT_THAT(Samples(), IsEmpty());
  EXPECT_THAT(Rows("SELECT * FROM sources"), IsEmpty());
  ASSERT_TRUE(other->Run("DROP TRIGGER no").ok());
  EXPECT_TRUE(writer->WriteTick(1, 2, {Server(1, 4096)}).ok());
  EXPECT_EQ(Samples().size(), 1u) << "the source it had named in vain is named anew";
}

TEST_F(WriterTest, DataVersionTellsOfOtherWriters) {
  const auto one = Writer(), two = Writer();
  const int64_t before = *one->DataVersion();
  ASSERT_TRUE(one->WriteTick(1, 2, {}).ok());
  EXPECT_EQ(*one->DataVersion(), before);
  ASSERT_TRUE(two->WriteTick(2, 3, {}).ok());
  EXPECT_NE(*one->DataVersion(), before);
}

}  // namespace
}  // namespace agent_exporter::ledger

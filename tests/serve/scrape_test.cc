#include "serve/scrape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "collectors/family.h"
#include "tests/collectors/observation_builder.h"
#include "tests/serve/fake_collectable.h"

namespace agent_exporter::serve {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

constexpr milliseconds kAmple{60'000};

std::shared_ptr<const agents::Observation> OneObservation() {
  return std::make_shared<agents::Observation>(collectors::MakeObservation({collectors::MakeAgent("codex")}));
}

collectors::Samples Scrape(Scraper& scraper, const std::vector<std::string>& collect = {},
                           const std::vector<std::string>& exclude = {}) {
  const auto families = scraper.Run(collect, exclude);
  EXPECT_TRUE(families.ok()) << families.status();
  return families.ok() ? collectors::SamplesOf(*families) : collectors::Samples{};
}

std::string Success(const std::string& name) {
  return "agent_exporter_collector_success{collector=\"" + name + "\"}";
}

TEST(Scraper, EveryCollectorIsShownWithItsSuccessAndDuration) {
  Scraper scraper(OneObservation, kAmple);
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) scraper.Add(row);
  const collectors::Samples samples = Scrape(scraper);
  EXPECT_THAT(samples, Contains(Pair("agent_up{agent=\"codex\"}", 0)));
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    const std::string label = "{collector=\"" + std::string(row.name) + "\"}";
    EXPECT_EQ(samples.at("agent_exporter_collector_success" + label), 1) << row.name;
    EXPECT_GE(samples.at("agent_exporter_collector_duration_seconds" + label), 0) << row.name;
    EXPECT_EQ(samples.at("agent_exporter_last_collect_timestamp_seconds" + label), 1'700'000'100) << row.name;
  }
}

TEST(Scraper, OneThatThrowsFailsAlone) {
  Scraper scraper(OneObservation, kAmple);
  scraper.Add("bad", FakeCollectable([]() -> collectors::Families { throw std::runtime_error("no luck"); }));
  scraper.Add("worse", FakeCollectable([]() -> collectors::Families { throw 7; }));
  scraper.Add("good", FakeCollectable([] { return OneGauge("good_value"); }));
  const collectors::Samples samples = Scrape(scraper);
  EXPECT_THAT(samples, AllOf(Contains(Pair(Success("bad"), 0)), Contains(Pair(Success("worse"), 0)),
                             Contains(Pair(Success("good"), 1)), Contains(Pair("good_value", 1))));
  EXPECT_THAT(samples,
              Not(Contains(Key("agent_exporter_last_collect_timestamp_seconds{collector=\"bad\"}"))));
}

TEST(Scraper, OneThatIsLateIsCutOffAndNotStartedAgainBeforeItEnds) {
  auto open = std::make_shared<std::promise<void>>();
  auto starts = std::make_shared<std::atomic<int>>(0);
  auto good_starts = std::make_shared<std::atomic<int>>(0);
  Scraper scraper(OneObservation, milliseconds(20));
  scraper.Add("late", FakeCollectable([starts, gate = open->get_future().share()] {
                ++*starts;
                gate.wait();
                return OneGauge("late_value");
              }));
  scraper.Add("good", FakeCollectable([good_starts] {
                ++*good_starts;
                return OneGauge("good_value");
              }));

  int scrapes = 3;
  for (int i = 0; i < scrapes; ++i) {
    EXPECT_THAT(Scrape(scraper), AllOf(Contains(Pair(Success("late"), 0)), Not(Contains(Key("late_value"))),
                                       Contains(Pair(Success("good"), 1)), Contains(Pair("good_value", 1))));
  }
  EXPECT_EQ(*starts, 1);

  open->set_value();
  collectors::Samples samples;
  while (samples[Success("late")] == 0) {  // the test's own time limit ends this where it never comes
    std::this_thread::yield();
    samples = Scrape(scraper);
    ++scrapes;
  }
  EXPECT_THAT(samples, Contains(Pair("late_value", 1)));
  EXPECT_EQ(*good_starts, scrapes) << "the thread that was left to the late one must not go on to the next";
}

TEST(Scraper, CollectAndExcludePickByName) {
  Scraper scraper(OneObservation, kAmple);
  for (const char* name : {"a", "b", "c"}) {
    scraper.Add(name, FakeCollectable([name] { return OneGauge(std::string(name) + "_value"); }));
  }
  EXPECT_THAT(Scrape(scraper, {"a", "c"}), AllOf(Contains(Key("a_value")), Not(Contains(Key("b_value"))),
                                                 Contains(Key("c_value")), Not(Contains(Key(Success("b"))))));
  EXPECT_THAT(Scrape(scraper, {}, {"a"}), AllOf(Not(Contains(Key("a_value"))), Contains(Key("b_value"))));
  EXPECT_THAT(Scrape(scraper, {"a", "b"}, {"a"}),
              AllOf(Not(Contains(Key("a_value"))), Contains(Key("b_value"))));
}

TEST(Scraper, AnUnknownNameIsRefusedBeforeAnythingIsRead) {
  int reads = 0;
  Scraper scraper(
      [&] {
        ++reads;
        return OneObservation();
      },
      kAmple);
  scraper.Add("a", FakeCollectable([] { return OneGauge("a_value"); }));
  for (const auto& [collect, exclude] :
       {std::pair<std::vector<std::string>, std::vector<std::string>>{{"b"}, {}}, {{}, {"b"}}}) {
    const auto families = scraper.Run(collect, exclude);
    EXPECT_TRUE(absl::IsInvalidArgument(families.status()));
    EXPECT_THAT(std::string(families.status().message()),
                AllOf(HasSubstr("\"b\""), HasSubstr("there are: a")));
  }
  EXPECT_EQ(reads, 0);
}

TEST(Scraper, AllCollectorsOfAScrapeSeeTheSameObservation) {
  std::atomic<int> made{0};
  Scraper scraper(
      [&] {
        auto observation = std::make_shared<agents::Observation>();
        observation->host.open_fds = static_cast<uint64_t>(++made);
        return observation;
      },
      kAmple);
  const auto echo = [](const char* name) {
    return collectors::CollectorRow{
        name, true, collectors::Needs::kNothing, "", [](const agents::Observation& observation) {
          collectors::Family family =
              collectors::Family::Gauge("seen_" + std::to_string(*observation.host.open_fds), "");
          family.Add({}, 1.0);
          return collectors::Collected(family);
        }};
  };
  const collectors::CollectorRow rows[] = {echo("a"), echo("b"), echo("c")};
  for (const collectors::CollectorRow& row : rows) scraper.Add(row);

  std::vector<std::future<absl::StatusOr<collectors::Families>>> scrapes;
  for (int i = 0; i < 8; ++i) {
    scrapes.push_back(std::async(std::launch::async, [&] { return scraper.Run({}, {}); }));
  }
  std::set<std::string> seen;
  for (auto& scrape : scrapes) {
    const auto families = scrape.get();
    ASSERT_TRUE(families.ok());
    ASSERT_EQ(families->size(), 5u);  // three of ours, success and duration
    EXPECT_EQ(families->at(0).name, families->at(1).name);
    EXPECT_EQ(families->at(0).name, families->at(2).name);
    EXPECT_TRUE(seen.insert(families->at(0).name).second) << "two scrapes mixed up";
  }
  EXPECT_EQ(made, 8);
}

}  // namespace
}  // namespace agent_exporter::serve

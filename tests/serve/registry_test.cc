#include "serve/registry.h"

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
#include "prometheus/counter.h"
#include "prometheus/registry.h"
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

constexpr milliseconds kLongEnough{60'000};

std::shared_ptr<const agents::Observation> OneObservation() {
  return std::make_shared<agents::Observation>(collectors::MakeObservation({collectors::MakeAgent("codex")}));
}

collectors::Samples Scrape(Registry& registry, const std::vector<std::string>& collect = {},
                           const std::vector<std::string>& exclude = {}) {
  const auto families = registry.Scrape(collect, exclude);
  EXPECT_TRUE(families.ok()) << families.status();
  return families.ok() ? collectors::SamplesOf(*families) : collectors::Samples{};
}

std::string Success(const std::string& name) {
  return "agent_exporter_collector_success{collector=\"" + name + "\"}";
}

TEST(Registry, EveryCollectorIsShownWithItsSuccessAndDuration) {
  Registry registry(OneObservation, kLongEnough);
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) registry.Register(row);
  const collectors::Samples samples = Scrape(registry);
  EXPECT_THAT(samples, Contains(Pair("agent_up{agent=\"codex\"}", 0)));
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    const std::string label = "{collector=\"" + std::string(row.name) + "\"}";
    EXPECT_EQ(samples.at("agent_exporter_collector_success" + label), 1) << row.name;
    EXPECT_GE(samples.at("agent_exporter_collector_duration_seconds" + label), 0) << row.name;
    EXPECT_EQ(samples.at("agent_exporter_last_collect_timestamp_seconds" + label), 1'700'000'100) << row.name;
  }
}

TEST(Registry, WithoutAYoungObservationThoseThatShowOneFail) {
  auto observation = OneObservation();
  Registry registry([&] { return observation; }, kLongEnough);
  registry.Register(collectors::CollectorTable()[0]);
  registry.Register("of looks", FakeCollectable([] { return OneGauge("of_looks"); }), true);
  registry.Register("own", FakeCollectable([] { return OneGauge("own"); }));
  const std::string first(collectors::CollectorTable()[0].name);
  Scrape(registry);
  observation = nullptr;
  const collectors::Samples samples = Scrape(registry);
  EXPECT_EQ(samples.at(Success(first)), 0);
  EXPECT_EQ(samples.at(Success("of looks")), 0);
  EXPECT_EQ(samples.at(Success("own")), 1);
  EXPECT_THAT(samples, Not(Contains(Key(HasSubstr("of_looks")))));
  EXPECT_THAT(samples, Not(Contains(Key(HasSubstr("codex")))));
  EXPECT_EQ(samples.at("agent_exporter_last_collect_timestamp_seconds{collector=\"" + first + "\"}"),
            1'700'000'100)
      << "when it last showed something";
}

TEST(Registry, OneThatThrowsFailsAlone) {
  Registry registry(OneObservation, kLongEnough);
  registry.Register("bad",
                    FakeCollectable([]() -> collectors::Families { throw std::runtime_error("no luck"); }));
  registry.Register("worse", FakeCollectable([]() -> collectors::Families { throw 7; }));
  registry.Register("good", FakeCollectable([] { return OneGauge("good_value"); }));
  const collectors::Samples samples = Scrape(registry);
  EXPECT_THAT(samples, AllOf(Contains(Pair(Success("bad"), 0)), Contains(Pair(Success("worse"), 0)),
                             Contains(Pair(Success("good"), 1)), Contains(Pair("good_value", 1))));
  EXPECT_THAT(samples,
              Not(Contains(Key("agent_exporter_last_collect_timestamp_seconds{collector=\"bad\"}"))));
}

TEST(Registry, OneThatIsLateIsCutOffAndNotStartedAgainBeforeItEnds) {
  auto open = std::make_shared<std::promise<void>>();
  auto starts = std::make_shared<std::atomic<int>>(0);
  auto good_starts = std::make_shared<std::atomic<int>>(0);
  Registry registry(OneObservation, milliseconds(20));
  registry.Register("late", FakeCollectable([starts, gate = open->get_future().share()] {
                      ++*starts;
                      gate.wait();
                      return OneGauge("late_value");
                    }));
  registry.Register("good", FakeCollectable([good_starts] {
                      ++*good_starts;
                      return OneGauge("good_value");
                    }));

  int scrapes = 3;
  for (int i = 0; i < scrapes; ++i) {
    EXPECT_THAT(Scrape(registry), AllOf(Contains(Pair(Success("late"), 0)), Not(Contains(Key("late_value"))),
                                        Contains(Pair(Success("good"), 1)), Contains(Pair("good_value", 1))));
  }
  EXPECT_EQ(*starts, 1);

  open->set_value();
  collectors::Samples samples;
  while (samples[Success("late")] == 0) {  // the test's own time limit ends this where it never comes
    std::this_thread::yield();
    samples = Scrape(registry);
    ++scrapes;
  }
  EXPECT_THAT(samples, Contains(Pair("late_value", 1)));
  EXPECT_EQ(*good_starts, scrapes) << "the thread that was left to the late one must not go on to the next";
}

TEST(Registry, CollectAndExcludePickByName) {
  Registry registry(OneObservation, kLongEnough);
  for (const char* name : {"a", "b", "c"}) {
    registry.Register(name, FakeCollectable([name] { return OneGauge(std::string(name) + "_value"); }));
  }
  EXPECT_THAT(Scrape(registry, {"a", "c"}),
              AllOf(Contains(Key("a_value")), Not(Contains(Key("b_value"))), Contains(Key("c_value")),
                    Not(Contains(Key(Success("b"))))));
  EXPECT_THAT(Scrape(registry, {}, {"a"}), AllOf(Not(Contains(Key("a_value"))), Contains(Key("b_value"))));
  EXPECT_THAT(Scrape(registry, {"a", "b"}, {"a"}),
              AllOf(Not(Contains(Key("a_value"))), Contains(Key("b_value"))));
}

TEST(Registry, AnUnknownNameIsRefusedBeforeAnythingIsRead) {
  int reads = 0;
  Registry registry(
      [&] {
        ++reads;
        return OneObservation();
      },
      kLongEnough);
  registry.Register("a", FakeCollectable([] { return OneGauge("a_value"); }));
  for (const auto& [collect, exclude] :
       {std::pair<std::vector<std::string>, std::vector<std::string>>{{"b"}, {}}, {{}, {"b"}}}) {
    const auto families = registry.Scrape(collect, exclude);
    EXPECT_TRUE(absl::IsInvalidArgument(families.status()));
    EXPECT_THAT(std::string(families.status().message()),
                AllOf(HasSubstr("\"b\""), HasSubstr("there are: a")));
  }
  EXPECT_EQ(reads, 0);
}

TEST(Registry, AllCollectorsOfAScrapeSeeTheSameObservation) {
  std::atomic<int> made{0};
  Registry registry(
      [&] {
        auto observation = std::make_shared<agents::Observation>();
        observation->host.open_fds = static_cast<uint64_t>(++made);
        return observation;
      },
      kLongEnough);
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
  for (const collectors::CollectorRow& row : rows) registry.Register(row);

  std::vector<std::future<absl::StatusOr<collectors::Families>>> scrapes;
  for (int i = 0; i < 8; ++i) {
    scrapes.push_back(std::async(std::launch::async, [&] { return registry.Scrape({}, {}); }));
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

TEST(Registry, AnotherProgramsRegistryRegistersLikeACollector) {
  const auto theirs = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("tasks_total")
      .Help("Tasks.")
      .Register(*theirs)
      .Add({{"queue", "a"}})
      .Increment(3);
  Registry registry(OneObservation, kLongEnough);
  registry.Register("theirs", theirs);
  const collectors::Samples samples = Scrape(registry);
  EXPECT_THAT(samples, Contains(Pair("tasks_total{queue=\"a\"}", 3)));
  EXPECT_THAT(samples, Contains(Pair(Success("theirs"), 1)));
}

}  // namespace
}  // namespace agent_exporter::serve

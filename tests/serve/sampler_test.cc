#include "serve/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/base/refusing_system.h"
#include "tests/serve/fake_procfs.h"

namespace agent_exporter::serve {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kNever = std::chrono::hours(24);
constexpr milliseconds kAmple{60'000};

absl::StatusOr<agents::RuleSet> RulesFor(const std::string& comm) {
  agents::Rule rule;
  rule.name = comm;
  rule.comm = {comm};
  return agents::RuleSet::Make({rule});
}

// A sampler over a fake procfs; `looks` counts how often it looked, by its asking for the time.
class SamplerTest : public testing::Test {
 protected:
  std::unique_ptr<Sampler> Make(milliseconds interval) {
    WatchOptions options{.procfs = tree_.root(), .sysfs = tree_.root()};
    options.clock = [this] {
      ++looks_;
      if (blocked_) gate_.wait();
      return base::SystemClock();
    };
    auto rules = RulesFor("codex");
    EXPECT_TRUE(rules.ok()) << rules.status();
    auto watch = Watch::Make(options, *std::move(rules));
    EXPECT_TRUE(watch.ok()) << watch.status();
    looks_ = 0;
    return std::make_unique<Sampler>(*std::move(watch), interval,
                                     [this] { return std::chrono::steady_clock::now() + later_.load(); });
  }
  void AwaitLooks(int count) const {
    while (looks_ < count) std::this_thread::sleep_for(milliseconds(1));
  }

  FakeProcfs tree_;
  std::atomic<int> looks_{0};
  std::atomic<std::chrono::seconds> later_{std::chrono::seconds(0)};
  std::atomic<bool> blocked_{false};
  std::promise<void> open_;
  std::shared_future<void> gate_ = open_.get_future().share();
};

TEST_F(SamplerTest, StartGivesAnObservation) {
  tree_.AddProcess(7, 1, "codex");
  const auto sampler = Make(kNever);
  EXPECT_EQ(sampler->Latest(), nullptr);
  ASSERT_TRUE(sampler->Start().ok());
  ASSERT_NE(sampler->Latest(), nullptr);
  ASSERT_EQ(sampler->Latest()->agents.size(), 1u);
  EXPECT_EQ(sampler->Latest()->agents[0].name, "codex");
  EXPECT_EQ(sampler->Latest()->agents[0].processes.size(), 1u);
}

TEST_F(SamplerTest, ListenersHearOfTicksAndNotOfScrapes) {
  const auto sampler = Make(kNever);
  std::vector<std::shared_ptr<const agents::Observation>> heard;
  sampler->AddListener([&](const auto& observation) { heard.push_back(observation); });
  ASSERT_TRUE(sampler->Start().ok());
  const auto first = sampler->Latest();
  EXPECT_NE(sampler->Fresh(milliseconds(0), kAmple), first);
  sampler->Stop();
  EXPECT_THAT(heard, testing::ElementsAre(first));
}

TEST_F(SamplerTest, ListenersHearOfEveryTick) {
  const auto sampler = Make(milliseconds(1));
  std::atomic<int> heard{0};
  sampler->AddListener([&](const auto&) { ++heard; });
  ASSERT_TRUE(sampler->Start().ok());
  while (heard < 3) std::this_thread::sleep_for(milliseconds(1));
}

TEST_F(SamplerTest, StartSaysWhyItCannot) {
  const auto sampler = Make(kNever);
  tree_.RemoveRoot();
  EXPECT_FALSE(sampler->Start().ok());
}

TEST_F(SamplerTest, StartSaysThatItIsRefusedAThread) {
  const auto sampler = Make(kNever);
  base::RefusingSystem system;
  system.threads = 0;
  EXPECT_EQ(sampler->Start(system), absl::ResourceExhaustedError("no more threads"));
  EXPECT_NE(sampler->Latest(), nullptr);
}

TEST_F(SamplerTest, FreshSharesWhatIsYoungEnoughAndLooksAgainOtherwise) {
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  const auto first = sampler->Latest();
  EXPECT_EQ(sampler->Fresh(kAmple, kAmple), first);
  EXPECT_EQ(looks_, 1);
  tree_.AddProcess(7, 1, "codex");
  const auto second = sampler->Fresh(milliseconds(0), kAmple);
  EXPECT_NE(second, first);
  EXPECT_EQ(second->agents.at(0).processes.size(), 1u);
  EXPECT_EQ(sampler->Latest(), second);
}

TEST_F(SamplerTest, CallersThatAskAtOnceShareALookThatIsNotOlderThanTheirQuestion) {
  constexpr int kCallers = 16;
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  blocked_ = true;
  std::atomic<int> asking{0};
  std::vector<std::future<double>> ages;
  for (int i = 0; i < kCallers; ++i) {
    ages.push_back(std::async(std::launch::async, [&] {
      ++asking;
      const double asked = base::SystemClock().monotonic;
      return sampler->Fresh(milliseconds(0), kAmple)->monotonic_seconds - asked;
    }));
  }
  while (asking < kCallers) std::this_thread::yield();
  AwaitLooks(2);
  open_.set_value();
  for (auto& age : ages) EXPECT_GE(age.get(), 0);
  EXPECT_LT(looks_ - 1, kCallers);
}

TEST_F(SamplerTest, WhoLosesPatienceGetsTheLatest) {
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  const auto first = sampler->Latest();
  blocked_ = true;
  EXPECT_EQ(sampler->Fresh(milliseconds(0), milliseconds(20)), first);
  open_.set_value();
}

TEST_F(SamplerTest, NobodyWaitsForALookThatIsLateAlready) {
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  const auto first = sampler->Latest();
  blocked_ = true;
  sampler->Fresh(milliseconds(0), milliseconds(1));
  AwaitLooks(2);
  later_ = std::chrono::hours(1);
  EXPECT_EQ(sampler->Fresh(milliseconds(0), std::chrono::minutes(59)), first);
  open_.set_value();
}

TEST_F(SamplerTest, OldFiguresAreNotShownAsNew) {
  const auto sampler = Make(kNever);
  EXPECT_EQ(sampler->AgeSeconds(), std::nullopt);
  ASSERT_TRUE(sampler->Start().ok());
  later_ = 3 * std::chrono::hours(24) - std::chrono::minutes(1);
  EXPECT_NE(sampler->Latest(), nullptr) << "within three intervals";
  later_ = 3 * std::chrono::hours(24) + std::chrono::minutes(1);
  EXPECT_EQ(sampler->Latest(), nullptr);
  EXPECT_GT(*sampler->AgeSeconds(), 3 * 24 * 3600);
  blocked_ = true;
  EXPECT_EQ(sampler->Fresh(milliseconds(0), milliseconds(1)), nullptr);
  blocked_ = false;
  open_.set_value();
  EXPECT_NE(sampler->Fresh(milliseconds(0), kAmple), nullptr);
  EXPECT_NE(sampler->Latest(), nullptr);
  EXPECT_LT(*sampler->AgeSeconds(), 3600);
}

TEST_F(SamplerTest, AFewSecondsAreNotOldHoweverShortTheInterval) {
  const auto sampler = Make(milliseconds(1));
  blocked_ = true;
  std::thread starting([&] { EXPECT_TRUE(sampler->Start().ok()); });
  AwaitLooks(1);
  later_ = std::chrono::seconds(5);  // the first look takes that long, and the second does not end
  open_.set_value();
  starting.join();
  EXPECT_NE(sampler->Latest(), nullptr);
}

TEST_F(SamplerTest, TicksGoOnByThemselves) {
  const auto sampler = Make(milliseconds(5));
  ASSERT_TRUE(sampler->Start().ok());
  AwaitLooks(4);
}

TEST_F(SamplerTest, TicksThatWereMissedDoNotStackUp) {
  using Time = std::chrono::steady_clock;
  constexpr milliseconds kInterval{100};
  const auto sampler = Make(kInterval);
  ASSERT_TRUE(sampler->Start().ok());
  blocked_ = true;
  AwaitLooks(2);
  std::this_thread::sleep_for(10 * kInterval);  // as many ticks pass while this one is held up
  blocked_ = false;
  const int before = looks_;
  const auto opened = Time::now();
  open_.set_value();
  AwaitLooks(before + 1);
  std::this_thread::sleep_for(kInterval / 2);
  const int since = looks_ - before;
  // One for all that were missed, then those of the time that went by since.
  EXPECT_LE(since, 2 + (Time::now() - opened) / kInterval);
}

TEST_F(SamplerTest, NewRulesTakeEffect) {
  tree_.AddProcess(7, 1, "claude");
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  EXPECT_TRUE(sampler->Latest()->agents.at(0).processes.empty());
  auto rules = RulesFor("claude");
  ASSERT_TRUE(rules.ok());
  sampler->SetRules(*std::move(rules));
  const auto seen = sampler->Fresh(milliseconds(0), kAmple);
  std::set<std::string> running;
  for (const agents::AgentSample& agent : seen->agents) {
    if (!agent.processes.empty()) running.insert(agent.name);
  }
  EXPECT_THAT(running, testing::ElementsAre("claude"));
}

TEST_F(SamplerTest, ANewIntervalDoesNotWaitForTheOldOne) {
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  sampler->Fresh(milliseconds(0), kAmple);  // from here on the thread waits for its tick
  sampler->SetInterval(milliseconds(5));
  AwaitLooks(4);
}

TEST_F(SamplerTest, StopDoesNotWaitForATickAndEndsThoseWhoWait) {
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  const auto last = sampler->Latest();
  sampler->Stop();
  EXPECT_EQ(sampler->Fresh(milliseconds(0), kAmple), last);
  sampler->Stop();
}

TEST_F(SamplerTest, WhenProcfsFailsTheLastObservationStaysAndNobodyWaits) {
  tree_.AddProcess(7, 1, "codex");
  const auto sampler = Make(kNever);
  ASSERT_TRUE(sampler->Start().ok());
  const auto last = sampler->Latest();
  tree_.RemoveRoot();
  EXPECT_EQ(sampler->Fresh(milliseconds(0), kNever), last);
  EXPECT_EQ(sampler->Latest(), last);
}

}  // namespace
}  // namespace agent_exporter::serve

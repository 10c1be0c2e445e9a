#include "exporter/deadline_runner.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace agent_exporter {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kAmple{60'000};

TEST(DeadlineRunner, InTimeOneThreadForAll) {
  DeadlineRunner runner;
  std::thread::id first, second;
  EXPECT_TRUE(runner.Run([&] { first = std::this_thread::get_id(); }, kAmple));
  EXPECT_TRUE(runner.Run([&] { second = std::this_thread::get_id(); }, kAmple));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

TEST(DeadlineRunner, ALateJobIsLeftToEndAndTheNextHasAThread) {
  DeadlineRunner runner;
  auto open = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  EXPECT_FALSE(runner.Run(
      [gate = open->get_future().share(), ended] {
        gate.wait();
        ended->set_value();
      },
      milliseconds(1)));
  bool ran = false;
  EXPECT_TRUE(runner.Run([&] { ran = true; }, kAmple));
  EXPECT_TRUE(ran);
  open->set_value();
  EXPECT_EQ(end.wait_for(kAmple), std::future_status::ready) << "the late job was not let run to its end";
}

TEST(DeadlineRunner, MayBeDestroyedWhileAJobRuns) {
  auto open = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  {
    DeadlineRunner runner;
    EXPECT_FALSE(runner.Run(
        [gate = open->get_future().share(), ended] {
          gate.wait();
          ended->set_value();
        },
        milliseconds(1)));
  }
  open->set_value();
  EXPECT_EQ(end.wait_for(kAmple), std::future_status::ready);
}

TEST(DeadlineRunner, LetsGoOfWhatTheJobHeld) {
  DeadlineRunner runner;
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watch = held;
  EXPECT_TRUE(runner.Run([held = std::move(held)] {}, kAmple));
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace agent_exporter

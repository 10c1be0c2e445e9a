#include "base/deadline_runner.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "tests/base/refusing_system.h"

namespace agent_exporter::base {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock;
constexpr milliseconds kAmple{60'000};

DeadlineRunner::HasTimeUntil Within(milliseconds timeout) {
  return
      [until = Time::now() + timeout] { return Time::now() < until ? std::optional(until) : std::nullopt; };
}

TEST(DeadlineRunner, InTimeOneThreadForAll) {
  DeadlineRunner runner(System::Real());
  std::thread::id first, second;
  EXPECT_TRUE(runner.Run([&] { first = std::this_thread::get_id(); }, Within(kAmple)));
  EXPECT_TRUE(runner.Run([&] { second = std::this_thread::get_id(); }, Within(kAmple)));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

TEST(DeadlineRunner, ALateJobIsLeftToEndAndTheNextHasAThread) {
  DeadlineRunner runner(System::Real());
  auto open = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  EXPECT_FALSE(runner.Run(
      [gate = open->get_future().share(), ended] {
        gate.wait();
        ended->set_value();
      },
      Within(milliseconds(1))));
  bool ran = false;
  EXPECT_TRUE(runner.Run([&] { ran = true; }, Within(kAmple)));
  EXPECT_TRUE(ran);
  open->set_value();
  EXPECT_EQ(end.wait_for(kAmple), std::future_status::ready) << "the late job was not let run to its end";
}

TEST(DeadlineRunner, AJobThatGetsMoreTimeIsWaitedFor) {
  DeadlineRunner runner(System::Real());
  std::promise<void> asked_twice;
  int asked = 0;
  const auto more_time = [&] {
    if (++asked == 2) asked_twice.set_value();
    return std::optional(Time::now() + (asked < 2 ? milliseconds(1) : kAmple));
  };
  EXPECT_TRUE(runner.Run([&] { asked_twice.get_future().wait(); }, more_time));
  EXPECT_EQ(asked, 2);
}

TEST(DeadlineRunner, MayBeDestroyedWhileAJobRuns) {
  auto open = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  {
    DeadlineRunner runner(System::Real());
    EXPECT_FALSE(runner.Run(
        [gate = open->get_future().share(), ended] {
          gate.wait();
          ended->set_value();
        },
        Within(milliseconds(1))));
  }
  open->set_value();
  EXPECT_EQ(end.wait_for(kAmple), std::future_status::ready);
}

TEST(DeadlineRunner, LetsGoOfWhatTheJobHeld) {
  DeadlineRunner runner(System::Real());
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watch = held;
  EXPECT_TRUE(runner.Run([held = std::move(held)] {}, Within(kAmple)));
  EXPECT_TRUE(watch.expired());
}

TEST(DeadlineRunner, WithoutALimitItWaitsForTheEnd) {
  DeadlineRunner runner(System::Real());
  bool ended = false;
  runner.Run([&] {
    std::this_thread::sleep_for(milliseconds(20));
    ended = true;
  });
  EXPECT_TRUE(ended);
}

TEST(RunnerPool, OneThreadDoesWhatOneAfterTheOtherWants) {
  RunnerPool pool(System::Real());
  std::set<std::thread::id> threads;
  for (int i = 0; i < 10; ++i) {
    RunnerPool::Lease(pool)->Run([&] { threads.insert(std::this_thread::get_id()); });
  }
  EXPECT_EQ(threads.size(), 1u);
}

TEST(RunnerPool, EachLeaseHasAThreadOfItsOwnAndABurstLeavesFew) {
  constexpr size_t kBurst = 20;
  const auto live = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = live();  // other tests' threads among them, which end when they like
  RunnerPool pool(System::Real());
  {
    std::set<std::thread::id> threads;
    std::vector<std::unique_ptr<RunnerPool::Lease>> leases;
    for (size_t i = 0; i < kBurst; ++i) {
      leases.push_back(std::make_unique<RunnerPool::Lease>(pool));
      (*leases.back())->Run([&] { threads.insert(std::this_thread::get_id()); });
    }
    EXPECT_EQ(threads.size(), kBurst);
  }
  const auto deadline = Time::now() + kAmple;
  while (live() > before + 4 && Time::now() < deadline) std::this_thread::yield();
  EXPECT_LE(live(), before + 4);
}

TEST(DeadlineRunner, WithoutAThreadTheJobRunsOnTheCallersAndTheNextAsksAgain) {
  RefusingSystem system;
  system.threads = 0;
  DeadlineRunner runner(system);
  std::thread::id ran_on;
  const auto job = [&] { ran_on = std::this_thread::get_id(); };
  EXPECT_TRUE(runner.Run(job, [] { return std::nullopt; }));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  ran_on = {};
  runner.Run(job);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  system.threads = -1;
  EXPECT_TRUE(runner.Run(job, Within(kAmple)));
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST(RunnerPool, ARefusedThreadBreaksNoRunner) {
  RefusingSystem system;
  system.threads = 0;
  RunnerPool pool(system);
  std::set<std::thread::id> threads;
  for (int i = 0; i < 6; ++i) {
    system.threads = i < 3 ? 0 : -1;
    RunnerPool::Lease(pool)->Run([&] { threads.insert(std::this_thread::get_id()); });
  }
  EXPECT_EQ(threads.size(), 2u);
  EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
}

}  // namespace
}  // namespace agent_exporter::base

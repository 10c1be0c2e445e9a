#include "base/newest_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "tests/base/refusing_system.h"
#include "tests/base/wait_for.h"

namespace agent_exporter::base {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NewestWorkerTest : public testing::Test {
 protected:
  std::function<void(std::string)> Note() {
    return [this](std::string value) {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(value));
    };
  }
  std::function<void(const absl::Status&)> NoteRefusal() {
    return [this](const absl::Status& why) { refusals_.emplace_back(why.message()); };
  }
  std::vector<std::string> Done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  bool WaitForCount(size_t count) {
    return WaitFor([&] { return Done().size() >= count; });
  }

  RefusingSystem system_;
  std::mutex mutex_;
  std::vector<std::string> done_, refusals_;
};

TEST_F(NewestWorkerTest, WhileItIsBusyOnlyTheNewestWaits) {
  std::promise<void> entered, release;
  NewestWorker<std::string> worker(
      system_,
      [&, note = Note()](std::string value) {
        note(value);
        if (value != "first") return;
        entered.set_value();
        release.get_future().wait();
      },
      NoteRefusal());
  worker.Submit("first");
  entered.get_future().wait();
  for (const char* value : {"second", "third", "fourth"}) worker.Submit(value);
  release.set_value();
  ASSERT_TRUE(WaitForCount(2));
  EXPECT_THAT(Done(), ElementsAre("first", "fourth"));
  EXPECT_EQ(worker.Stop(), std::nullopt);
}

TEST_F(NewestWorkerTest, RefusedAThreadItSaysSoOnceAndTriesAgain) {
  system_.threads = 0;
  NewestWorker<std::string> worker(system_, Note(), NoteRefusal());
  worker.Submit("one");
  worker.Submit("two");
  EXPECT_THAT(refusals_, ElementsAre("no more threads"));
  EXPECT_THAT(Done(), IsEmpty());
  system_.threads = 1;
  worker.Submit("three");
  ASSERT_TRUE(WaitForCount(1));
  EXPECT_THAT(Done(), ElementsAre("three"));
}

TEST_F(NewestWorkerTest, StopReturnsWhatWaitsAndSubmitStartsAgain) {
  system_.threads = 0;
  NewestWorker<std::string> worker(system_, Note(), NoteRefusal());
  worker.Submit("one");
  EXPECT_EQ(worker.Stop(), "one");
  system_.threads = -1;
  for (size_t i = 1; i <= 3; ++i) {
    worker.Submit("two");
    ASSERT_TRUE(WaitForCount(i));
    EXPECT_EQ(worker.Stop(), std::nullopt);
  }
}

TEST_F(NewestWorkerTest, PollsWhenNothingComes) {
  NewestWorker<std::string> worker(system_, Note(), NoteRefusal(), std::chrono::milliseconds(1));
  worker.Submit("value");
  ASSERT_TRUE(WaitForCount(3));
  EXPECT_EQ(Done()[0], "value");
  EXPECT_EQ(Done()[1], "");
}

}  // namespace
}  // namespace agent_exporter::base

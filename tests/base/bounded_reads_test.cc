#include "base/bounded_reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/base/refusing_system.h"

namespace agent_exporter::base {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kReadsAmple{60'000};

absl::StatusOr<int> One() { return 1; }

// Reads that do not end before Open.
class Gate {
 public:
  ~Gate() { Open(); }
  void Open() {
    if (!std::exchange(opened_, true)) open_.set_value();
  }
  std::function<absl::StatusOr<int>()> Read() {
    return [gate = gate_]() -> absl::StatusOr<int> {
      gate.wait();
      return 2;
    };
  }

 private:
  bool opened_ = false;
  std::promise<void> open_;
  std::shared_future<void> gate_ = open_.get_future().share();
};

// Until the reads of before have let go.
absl::StatusOr<int> ReadOnceItCan(BoundedReads& reads, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + kReadsAmple;
  while (true) {
    auto read = reads.Read<int>(what, One);
    if (read.ok() || std::chrono::steady_clock::now() > deadline) return read;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

TEST(BoundedReads, AReadInTimeGivesWhatItReturned) {
  BoundedReads reads({.patience = kReadsAmple});
  EXPECT_EQ(*reads.Read<int>("a", One), 1);
  const auto failed = reads.Read<std::string>(
      "a", []() -> absl::StatusOr<std::string> { return absl::NotFoundError("gone"); });
  EXPECT_TRUE(absl::IsNotFound(failed.status()));
  EXPECT_EQ(reads.hanging().count, 0u);
}

TEST(BoundedReads, WhatHangsIsNotAskedForAgainBeforeItEnded) {
  Gate gate;
  BoundedReads reads({.patience = milliseconds(10)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(reads.Read<int>("a", gate.Read()).status()));
  reads.SetPatience(kReadsAmple);
  bool asked = false;
  const auto again = reads.Read<int>("a", [&asked]() -> absl::StatusOr<int> {
    asked = true;
    return 1;
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(again.status()));
  EXPECT_TRUE(IsUnanswered(again.status()));
  EXPECT_FALSE(asked);
  EXPECT_EQ(*reads.Read<int>("b", One), 1) << "others are read";
  gate.Open();
  EXPECT_EQ(*ReadOnceItCan(reads, "a"), 1);
}

TEST(BoundedReads, NoMoreThanAFewHang) {
  Gate gate;
  BoundedReads reads({.patience = milliseconds(1), .most_hanging = 3});
  for (const char* what : {"a", "b", "c"}) EXPECT_FALSE(reads.Read<int>(what, gate.Read()).ok());
  reads.SetPatience(kReadsAmple);
  EXPECT_THAT(std::string(reads.Read<int>("d", One).status().message()), testing::HasSubstr("too many"));
  gate.Open();
  EXPECT_EQ(*ReadOnceItCan(reads, "d"), 1);
}

TEST(BoundedReads, ThoseThatHangForASecondAreCounted) {
  Gate gate;
  BoundedReads reads({.patience = milliseconds(1)});
  EXPECT_FALSE(reads.Read<int>("the first", gate.Read()).ok());
  EXPECT_FALSE(reads.Read<int>("the second", gate.Read()).ok());
  EXPECT_EQ(reads.hanging().count, 0u) << "late, as on a busy machine";
  while (reads.hanging().count < 2) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(reads.hanging().oldest, "the first");
  gate.Open();
  while (reads.hanging().count > 0) std::this_thread::sleep_for(milliseconds(1));
}

TEST(BoundedReads, MayBeDestroyedWhileAReadHangs) {
  Gate gate;
  BoundedReads({.patience = milliseconds(1)}).Read<int>("a", gate.Read()).IgnoreError();
}

TEST(BoundedReads, ManyMayAskForTheSameAtOnce) {
  Gate gate;
  BoundedReads reads({.patience = milliseconds(100)});
  std::vector<std::thread> askers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&] { EXPECT_FALSE(reads.Read<int>("a", gate.Read()).ok()); });
  }
  for (std::thread& asker : askers) asker.join();
  gate.Open();
  EXPECT_EQ(*ReadOnceItCan(reads, "a"), 1);
}

TEST(BoundedReads, WithoutAThreadNothingIsReadUntilThereIsOneAgain) {
  RefusingSystem system;
  system.threads = 0;
  BoundedReads reads({.patience = kReadsAmple, .system = &system});
  const auto read = reads.Read<int>("a", One);
  EXPECT_TRUE(absl::IsUnavailable(read.status()));
  EXPECT_TRUE(IsUnanswered(read.status()));
  system.threads = -1;
  EXPECT_EQ(*reads.Read<int>("a", One), 1);
}

}  // namespace
}  // namespace agent_exporter::base

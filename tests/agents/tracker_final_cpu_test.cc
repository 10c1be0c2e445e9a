// The Tracker told of the CPU of children that nobody waits for.

#include "tests/agents/tracker_events_fixture.h"

namespace agent_exporter::agents {
namespace {

TEST_F(TrackerEventsTest, FinalCpuOfAChildNobodyWaitsForCounts) {
  Fork(11, 10);
  t_.host.Run(11, 30 * kMs);
  Look();
  t_.host.Run(11, 12 * kMs);
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(11);
  t_.host.Vanish(11);
  Look();
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
  Look();
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 42 * kMs);
}

TEST_F(TrackerEventsTest, FinalCpuThatAParentShowsAfterAllCountsOnce) {
  Fork(11, 10);
  t_.host.Run(11, 30 * kMs);
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(11);
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{30 * kMs, 0}, {}}});
  t_.host.ExitAndReap(11);  // waited for by codex
  Look();
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 30 * kMs);
}

TEST_F(TrackerEventsTest, FinalCpuToldLateThatAParentShowsAfterAllCountsOnce) {
  Fork(11, 10);
  t_.host.Run(11, 30 * kMs);
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(11);
  t_.host.Vanish(11);
  Look();
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{30 * kMs, 0}, {}}});
  t_.host.at(10).children_cpu.user_ns += 30 * kMs;
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 30 * kMs);
}

// An exit that tells what was used by then, of a child nobody waits for.
TEST_F(TrackerEventsTest, WhatAnExitToldCountsOnceTheFinalCpuStayedAway) {
  Fork(11, 10);
  Look();
  const kernel::ProcessKey key = t_.host.at(11).key;
  Tell({.kind = Kind::kExit, .key = key, .cpu = kernel::LastCpu{{40 * kMs, 0}, {}}});
  t_.host.Vanish(11);
  Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 0) << "the final figure may still come";
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 40 * kMs);
  Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 40 * kMs) << "too late";
}

TEST_F(TrackerEventsTest, TheFinalCpuReplacesWhatTheExitTold) {
  for (const bool gone_before : {false, true}) {
    const int64_t before = Codex().descendants_cpu.total_ns();
    Fork(11, 10);
    Look();
    const kernel::ProcessKey key = t_.host.at(11).key;
    if (gone_before) {
      t_.host.Vanish(11);
      Look();
    }
    Tell({.kind = Kind::kExit, .key = key, .cpu = kernel::LastCpu{{43 * kMs, 0}, {}}});
    Tell({.kind = Kind::kFinalCpu, .key = key, .cpu = kernel::LastCpu{{42 * kMs, 0}, {}}});
    if (!gone_before) t_.host.Vanish(11);
    for (int i = 0; i < 5; ++i) Look();
    EXPECT_EQ(Codex().descendants_cpu.total_ns() - before, 42 * kMs) << gone_before;
  }
}

// 10 ignores SIGCHLD; 11 waits for 12, which was seen with 30 of its 50 ms.
class NestedTest : public TrackerEventsTest, public testing::WithParamInterface<bool> {};

TEST_P(NestedTest, WhatAChildNobodyWaitsForWaitedForCountsOnce) {
  Fork(11, 10);
  Fork(12, 11);
  t_.host.Run(12, 30 * kMs);
  Look();
  const kernel::ProcessKey key = t_.host.at(11).key;
  Exit(12);
  t_.host.Vanish(12);
  t_.host.Vanish(11);
  const bool seen_gone_before_it_is_told = GetParam();
  if (seen_gone_before_it_is_told) Look();
  Tell(
      {.kind = Kind::kExit, .key = key, .cpu = kernel::LastCpu{{5 * kMs, 0}, kernel::CpuTimes{50 * kMs, 0}}});
  Tell({.kind = Kind::kFinalCpu,
        .key = key,
        .cpu = kernel::LastCpu{{5 * kMs, 0}, kernel::CpuTimes{50 * kMs, 0}}});
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 55 * kMs);
}

INSTANTIATE_TEST_SUITE_P(SeenGone, NestedTest, testing::Bool());

TEST_F(TrackerEventsTest, WhatSuchAChildWaitedForIsNotOwedByItsParent) {
  Fork(11, 10);
  Fork(12, 11);
  t_.host.Run(12, 30 * kMs);
  Fork(13, 10);
  Look();
  Exit(12);
  Tell({.kind = Kind::kFinalCpu,
        .key = t_.host.at(11).key,
        .cpu = kernel::LastCpu{{0, 0}, kernel::CpuTimes{30 * kMs, 0}}});
  t_.host.Vanish(12);
  t_.host.Vanish(11);
  // In the same look 10 waits for another child, of which nothing was counted yet.
  t_.host.Run(13, 20 * kMs);
  Exit(13);
  t_.host.ExitAndReap(13);
  for (int i = 0; i < 3; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 50 * kMs);
}

// 11 ends without waiting for 12, a zombie by then, and is itself waited for by 10.
struct Abandoned {
  bool seen_alive;
  bool told_late;
};
class AbandonedTest : public TrackerEventsTest, public testing::WithParamInterface<Abandoned> {};

TEST_P(AbandonedTest, AZombieThatItsParentLeftHidesNobodyElsesTime) {
  Fork(11, 10);
  Fork(12, 11);
  t_.host.Run(12, 30 * kMs);
  if (GetParam().seen_alive) Look();
  t_.host.Run(11, 5 * kMs);
  const kernel::ProcessEvent last = {.kind = Kind::kFinalCpu,
                                     .key = t_.host.at(12).key,
                                     .cpu = kernel::LastCpu{{30 * kMs, 0}, kernel::CpuTimes{}}};
  Exit(12);
  Exit(11);
  t_.host.Vanish(12);
  t_.host.ExitAndReap(11);
  if (!GetParam().told_late) Tell(last);
  Look();
  if (GetParam().told_late) Tell(last);
  // Another child's time shows before the debt would lapse.
  Fork(13, 10);
  t_.host.Run(13, 20 * kMs);
  Exit(13);
  t_.host.ExitAndReap(13);
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_EQ(Codex().descendants_cpu.total_ns(), 55 * kMs);
}

INSTANTIATE_TEST_SUITE_P(, AbandonedTest,
                         testing::Values(Abandoned{false, false}, Abandoned{false, true},
                                         Abandoned{true, false}, Abandoned{true, true}));

}  // namespace
}  // namespace agent_exporter::agents

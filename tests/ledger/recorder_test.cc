#include "ledger/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/base/refusing_system.h"
#include "tests/ledger/temporary_ledger.h"

namespace agent_exporter::ledger {
namespace {

using testing::ElementsAre;

class RecorderTest : public TemporaryLedger {
 protected:
  static std::shared_ptr<const agents::Observation> Look(int second) {
    auto observation = std::make_shared<agents::Observation>();
    observation->wall_seconds = 1'700'000'000 + 60.0 * second;
    observation->monotonic_seconds = 1000 + 60.0 * second;
    agents::AgentSample& agent = observation->agents.emplace_back();
    agent.name = "codex";
    agents::ProcessSample& root = agent.processes.emplace_back();
    root.key = {10, 1};
    root.role = agents::Role::kRoot;
    agents::ProcessSample& leader = agent.processes.emplace_back();
    leader.key = {20, 2};
    leader.ppid = 10;
    leader.session = 20;
    return observation;
  }
  template <typename Condition>
  static void WaitFor(Condition condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

TEST_F(RecorderTest, WritesWhatItIsOffered) {
  auto recorder = LedgerRecorder::Make({.path = path_});
  ASSERT_TRUE(recorder.ok());
  for (uint64_t i = 1; i <= 5; ++i) {
    (*recorder)->Submit(Look(static_cast<int>(i)));
    WaitFor([&] { return (*recorder)->stats().writes == i; });
  }
  (*recorder)->Stop();
  EXPECT_THAT(Rows("SELECT count(*) FROM samples"), ElementsAre("15"));
}

TEST_F(RecorderTest, RefusedAThreadItSaysSoAndRecordsOnceItHasOne) {
  base::RefusingSystem system;
  system.threads = 0;
  std::vector<std::string> log;
  auto recorder = LedgerRecorder::Make({.path = path_,
                                        .log =
                                            [&](bool is_error, const std::string& line) {
                                              if (is_error) log.push_back(line);
                                            }},
                                       base::SystemClock, system);
  ASSERT_TRUE(recorder.ok());
  for (int i = 1; i <= 3; ++i) (*recorder)->Submit(Look(i));
  EXPECT_THAT(log, ElementsAre("the ledger records nothing for now: no more threads"));
  system.threads = -1;
  (*recorder)->Submit(Look(4));
  WaitFor([&] { return (*recorder)->stats().writes == 1; });
}

TEST_F(RecorderTest, OffersReturnAtOnceWhileAWriteWaits) {
  auto recorder = LedgerRecorder::Make({.path = path_, .busy_timeout = std::chrono::seconds(60)});
  ASSERT_TRUE(recorder.ok());
  const auto writer = Writer();
  {
    auto other = base::Database::Open(path_, base::Database::Mode::kReadWrite);
    auto lock = base::Transaction::Begin(*other);
    ASSERT_TRUE(lock.ok());
    // All of them return though none can be written: the newest waits, the others are dropped.
    for (int i = 0; i < 1000; ++i) (*recorder)->Submit(Look(i));
    EXPECT_EQ((*recorder)->stats().writes, 0u);
  }
  WaitFor([&] { return (*recorder)->stats().writes >= 1; });
  (*recorder)->Stop();
  EXPECT_LE((*recorder)->stats().writes, 2u);
}

// A process that writes tick after tick and is killed at a random moment.
pid_t StartWriter(const std::string& path, int from, int ready) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  auto writer = LedgerWriter::Open(path, std::chrono::seconds(5), false);
  if (!writer.ok()) _exit(1);
  char byte = 'x';
  for (int64_t tick = from;; ++tick) {
    std::vector<SourceSample> samples;
    for (int i = 0; i < 10; ++i)
      samples.push_back({.agent = "codex", .source = "session:" + std::to_string(i)});
    if (!(*writer)->WriteTick(tick, tick, samples).ok()) _exit(1);
    if (byte == 'x' && write(ready, &byte, 1) != 1) _exit(1);
    byte = 'y';
  }
}

TEST_F(RecorderTest, KilledAtAnyMomentTheFileOpensAndHoldsWholeTicks) {
  std::mt19937 random(7);
  int64_t last = 0;
  for (int round = 0; round < 200; ++round) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t pid = StartWriter(path_, static_cast<int>(last + 1), ready[1]);
    char byte = 0;
    close(ready[1]);
    ASSERT_EQ(read(ready[0], &byte, 1), 1) << "the writer could not open what the one before left";
    close(ready[0]);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);

    auto db = OpenLedger(path_, std::chrono::seconds(1), round % 20 == 0);
    ASSERT_TRUE(db.ok()) << round << ": " << db.status();
    const int64_t newest = db->Number("SELECT max(ts) FROM samples")->value_or(0);
    EXPECT_GT(newest, last) << round << ": a tick that had been told is gone";
    // Ticks are there whole, all of them in a row, and the sums agree with them.
    EXPECT_EQ(*db->Number("SELECT count(*) FROM samples"), newest * 10) << round;
    EXPECT_EQ(*db->Number("SELECT sum(samples) FROM hourly"), newest * 10) << round;
    last = newest;
  }
}

}  // namespace
}  // namespace agent_exporter::ledger

#include "ledger/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "tests/ledger/temporary_ledger.h"

namespace agent_exporter::ledger {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kStart = 1'700'000'000;

class KeeperTest : public TemporaryLedger {
 protected:
  std::unique_ptr<LedgerKeeper> Keeper() {
    auto keeper =
        LedgerKeeper::Make({.path = path_,
                            .logs = {{.agent = "codex", .path = directory_ + "/codex.log"}},
                            .list_panes = [this]() -> absl::StatusOr<Panes> {
                              ++listed_;
                              return panes_;
                            },
                            .log = [this](bool, const std::string& line) { lines_.push_back(line); },
                            .busy_timeout = milliseconds(20)});
    return *std::move(keeper);
  }
  // Lets time pass and shows what is there then.
  void After(LedgerKeeper& keeper, double seconds) {
    monotonic_ += seconds;
    wall_ += seconds;
    keeper.Observe(Look());
    keeper.Attend(wall_);
  }
  agents::Observation Look() const {
    agents::Observation observation;
    observation.wall_seconds = wall_;
    observation.monotonic_seconds = monotonic_;
    agents::AgentSample& agent = observation.agents.emplace_back();
    agent.name = "codex";
    agents::ProcessSample root;
    root.key = {10, 1};
    root.role = agents::Role::kRoot;
    root.comm = "codex";
    root.session = 10;
    root.age_seconds = 1000;
    agent.processes.push_back(root);
    if (session_) {
      agents::ProcessSample& leader = agent.processes.emplace_back();
      leader.key = {20, 2};
      leader.ppid = 10;
      leader.session = 20;
      leader.age_seconds = 1000;
    }
    if (tmux_) {
      agents::ProcessSample& server = agent.processes.emplace_back(root);
      server.key = {30, 3};
      server.role = agents::Role::kDescendant;
      server.comm = "tmux: server";
      agents::ProcessSample& pane = agent.processes.emplace_back(root);
      pane.key = {31, 4};
      pane.ppid = 30;
      pane.role = agents::Role::kDescendant;
      pane.session = 31;
    }
    return observation;
  }
  std::vector<std::string> Ticks() const {
    return Rows("SELECT DISTINCT ts / 1000 - 1700000000 FROM samples");
  }

  double wall_ = kStart, monotonic_ = 1000;
  bool session_ = true, tmux_ = false;
  Panes panes_;
  int listed_ = 0;
  std::vector<std::string> lines_;
};

TEST_F(KeeperTest, WritesAtOnceAndThenByItsInterval) {
  const auto keeper = Keeper();
  for (int i = 0; i <= 185; ++i) After(*keeper, i == 0 ? 0 : 1);
  EXPECT_THAT(Ticks(), ElementsAre("0", "60", "120", "180"));
  EXPECT_EQ(keeper->stats().writes, 4u);
  EXPECT_EQ(keeper->stats().last_write, kStart + 180);
  EXPECT_GT(keeper->stats().file_bytes, 0u);
  EXPECT_TRUE(keeper->stats().open);
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(KeeperTest, TheServersRowHasTheHeapThatTheAgentTells) {
  const auto keeper =
      LedgerKeeper::Make({.path = path_, .heap_used_bytes = [](const std::string& agent) {
                            return agent == "codex" ? std::optional<int64_t>(12'345) : std::nullopt;
                          }});
  ASSERT_TRUE(keeper.ok()) << keeper.status();
  After(**keeper, 0);
  EXPECT_THAT(
      Rows("SELECT source, heap_used_bytes FROM resource_samples WHERE heap_used_bytes IS NOT NULL", 2),
      ElementsAre("agent-server|12345"));
}

TEST_F(KeeperTest, ErrorsThatAgentsWroteDownAreCountedOnce) {
  constexpr int64_t kNow = 1'700'000'000'000;
  std::vector<AgentError> errors = {{"codex", kNow + 5, "API Error: 529 Overloaded"},
                                    {"codex", kNow + 6, "a typo"},
                                    {"codex", 7, "API Error: 529 Overloaded"}};  // pruned long ago
  const auto make = [&] {
    return *LedgerKeeper::Make({.path = path_, .agent_errors = [&errors] { return errors; }});
  };
  auto keeper = make();
  for (int i = 0; i < 3; ++i) keeper->Attend(wall_);
  errors.push_back({"claude", kNow + 5, "You've hit your limit"});
  keeper->Attend(wall_);
  keeper.reset();
  make()->Attend(wall_);
  EXPECT_THAT(Rows("SELECT agent, id, kind FROM rate_limit_events ORDER BY agent", 3),
              ElementsAre("claude|session:1700000000005:0|quota", "codex|session:1700000000005:0|529"));
  EXPECT_THAT(Rows("SELECT sum(total) FROM rate_limit_totals"), ElementsAre("2"));
}

TEST_F(KeeperTest, SlowsDownWhileNoSessionRunsAndHurriesWhenOneDoes) {
  session_ = false;
  const auto keeper = Keeper();
  After(*keeper, 0);
  for (int i = 0; i < 20; ++i) After(*keeper, 10);
  EXPECT_THAT(Ticks(), ElementsAre("0"));
  session_ = true;
  After(*keeper, 10);
  EXPECT_THAT(Ticks(), ElementsAre("0", "210"));
  session_ = false;
  After(*keeper, 10);
  EXPECT_FALSE(keeper->stats().live.contains({"codex", "session:20"})) << "no stale current in between";
}

TEST_F(KeeperTest, LateObservationsDoNotStackTicksUp) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  After(*keeper, 1000);
  After(*keeper, 1);
  EXPECT_THAT(Ticks(), ElementsAre("0", "1000"));
}

TEST_F(KeeperTest, PrunesEachTick) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  for (int day = 0; day < 9; ++day) After(*keeper, 86400);
  EXPECT_THAT(Ticks(),
              ElementsAre("172800", "259200", "345600", "432000", "518400", "604800", "691200", "777600"));
}

TEST_F(KeeperTest, ATickPrunesManyBatches) {
  {
    auto db = OpenLedger(path_, milliseconds(100), false);
    ASSERT_TRUE(db.ok()) << db.status();
    ASSERT_TRUE(db->Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) "
                        "INSERT INTO samples SELECT i, 1, 1, 1, 1, 1 FROM n")
                    .ok());
    // Not all is old, so it is not the clock that is wrong.
    ASSERT_TRUE(db->Run("INSERT INTO samples VALUES (1699999999000, 1, 1, 1, 1, 1)").ok());
  }
  const auto keeper = Keeper();
  After(*keeper, 0);
  EXPECT_THAT(Ticks(), ElementsAre("-1", "0"));
}

TEST_F(KeeperTest, AClockThatJumpsAheadTakesNothingAway) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  wall_ += 365 * 86400.0;
  After(*keeper, 60);
  After(*keeper, 60);
  EXPECT_EQ(Ticks().size(), 3u);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("the clock jumped by 31536000 s")));
  wall_ -= 365 * 86400.0;
  After(*keeper, 60);
  EXPECT_EQ(Ticks().size(), 4u);
  for (int i = 0; i < 12; ++i) After(*keeper, 60);  // steady again: what the wrong clock stored goes
  EXPECT_EQ(Ticks().size(), 14u);
  EXPECT_THAT(Rows("SELECT count(*) FROM samples WHERE ts > 1710000000000"), ElementsAre("0"));
}

TEST_F(KeeperTest, AClockThatIsSetBackGoesOn) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  wall_ -= 3600;
  After(*keeper, 60);
  After(*keeper, 60);
  EXPECT_THAT(Ticks(), ElementsAre("-3540", "-3480", "0"));
  EXPECT_THAT(keeper->stats().errors, IsEmpty());
}

TEST_F(KeeperTest, AStartUnderAWrongClockTakesNothingAwayEither) {
  After(*Keeper(), 0);
  wall_ += 30 * 86400.0;
  const auto keeper = Keeper();
  After(*keeper, 60);
  EXPECT_EQ(Ticks().size(), 2u);
  for (int i = 0; i < 11; ++i) After(*keeper, 60);
  EXPECT_EQ(Ticks().size(), 12u) << "it was no wrong clock: the old one is gone after all";
}

TEST_F(KeeperTest, ALockedFileCostsTheTickInFlightOnly) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  {
    auto other = base::Database::Open(path_, base::Database::Mode::kReadWrite);
    auto lock = base::Transaction::Begin(*other);
    ASSERT_TRUE(lock.ok());
    After(*keeper, 60);
    After(*keeper, 60);
    EXPECT_FALSE(keeper->stats().open);
  }
  After(*keeper, 60);
  EXPECT_THAT(Ticks(), ElementsAre("0", "180"));
  EXPECT_EQ(keeper->stats().errors.at("locked"), 2u);
  EXPECT_TRUE(keeper->stats().open);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("cannot be written"), HasSubstr("can be written again")));
}

TEST_F(KeeperTest, ADamagedFileIsSetAsideAndTheTickIsWritten) {
  std::ofstream(path_) << std::string(20000, 'x');
  const auto keeper = Keeper();
  After(*keeper, 0);
  EXPECT_THAT(Ticks(), ElementsAre("0"));
  EXPECT_EQ(keeper->stats().set_aside, 1u);
  EXPECT_EQ(keeper->stats().errors.at("damaged"), 1u);
  EXPECT_THAT(Files(), testing::Contains("resource-ledger.db.damaged-20231114T221320Z"));
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_THAT(lines_[0], HasSubstr("set aside as " + path_ + ".damaged-20231114T221320Z"));
}

TEST_F(KeeperTest, DamageWhileItRunsIsFoundToo) {
  const auto keeper = Keeper();
  for (int i = 0; i < 50; ++i) After(*keeper, 60);
  const RateLimitEvent event{.agent = "codex", .source = "breaker", .kind = "trip", .ts = 1};
  ASSERT_TRUE(Writer()->AddEvents({&event, 1}).ok());
  After(*keeper, 60);
  ASSERT_EQ(keeper->stats().events->at({"codex", "trip"}), 1);
  Rows("PRAGMA wal_checkpoint(TRUNCATE)");
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(0);
  for (int i = 0; i < 20; ++i) file << std::string(4096, '\xff');
  file.close();
  for (int i = 0; i < 3; ++i) After(*keeper, 60);
  EXPECT_EQ(keeper->stats().set_aside, 1u);
  EXPECT_GE(Ticks().size(), 3u);
  EXPECT_EQ(keeper->stats().events->at({"codex", "trip"}), 1) << "counters only rise";
}

TEST_F(KeeperTest, AFileThatIsRemovedIsBegunAnew) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  for (const std::string& name : Files()) std::filesystem::remove(directory_ + "/" + name);
  After(*keeper, 60);
  EXPECT_THAT(Ticks(), ElementsAre("60"));
}

TEST_F(KeeperTest, AnUnwritablePlaceIsNoEnd) {
  path_ = directory_ + "/no/such/directory/ledger.db";
  const auto keeper = Keeper();
  for (int i = 0; i < 3; ++i) After(*keeper, 60);
  EXPECT_EQ(keeper->stats().errors.at("refused"), 3u);
  EXPECT_EQ(lines_.size(), 1u) << "told once";
  std::filesystem::create_directories(directory_ + "/no/such/directory");
  After(*keeper, 60);
  EXPECT_EQ(keeper->stats().writes, 1u);
}

// A small file system of its own, which only root may mount.
class FullDiskTest : public KeeperTest {
 protected:
  void SetUp() override {
    KeeperTest::SetUp();
    if (mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=400k") != 0) {
      GTEST_SKIP() << "mounting a small tmpfs needs root";
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) umount2(directory_.c_str(), MNT_DETACH);
    KeeperTest::TearDown();
  }
  bool mounted_ = false;
};

TEST_F(FullDiskTest, TicksAreLostUntilThereIsRoomAgain) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  {
    std::ofstream filler(directory_ + "/filler");
    const std::string page(4096, 'x');
    while (filler.write(page.data(), 4096).flush()) {
    }
  }
  for (int i = 0; i < 60; ++i) After(*keeper, 60);
  EXPECT_GT(keeper->stats().errors.at("full"), 0u);
  EXPECT_EQ(keeper->stats().errors.size(), 1u) << "nothing else went wrong";
  std::filesystem::remove(directory_ + "/filler");
  const uint64_t writes = keeper->stats().writes;
  for (int i = 0; i < 5; ++i) After(*keeper, 60);
  EXPECT_EQ(keeper->stats().writes, writes + 5);
  EXPECT_EQ(Ticks().size(), keeper->stats().writes);
  EXPECT_THAT(Rows("PRAGMA integrity_check"), ElementsAre("ok"));
  EXPECT_EQ(keeper->stats().set_aside, 0u);
}

TEST_F(KeeperTest, LinesOfALogBecomeEvents) {
  std::ofstream(directory_ + "/codex.log") << "weekly limit reached\n";  // history
  const auto keeper = Keeper();
  After(*keeper, 0);
  EXPECT_THAT(*keeper->stats().events, IsEmpty());
  std::ofstream(directory_ + "/codex.log", std::ios::app)
      << "fine\nrepeated 529 Overloaded errors\nrepeated 529 Overloaded errors\nserver is temporarily "
         "limiting "
         "requests\n";
  After(*keeper, 1);
  EXPECT_THAT(Rows("SELECT agent, id, kind FROM rate_limit_events ORDER BY id", 3),
              ElementsAre("codex|log:1700000001000:0|529", "codex|log:1700000001000:1|529",
                          "codex|log:1700000001000:2|throttle"));
  EXPECT_EQ(keeper->stats().events->at({"codex", "529"}), 2);
  const auto restarted = Keeper();
  After(*restarted, 60);
  EXPECT_EQ(restarted->stats().events->at({"codex", "529"}), 2);
}

TEST_F(KeeperTest, EventsOfOthersAreSeen) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  const RateLimitEvent event{.agent = "codex", .source = "breaker", .kind = "trip", .ts = 1};
  ASSERT_TRUE(Writer()->AddEvents({&event, 1}).ok());
  keeper->Attend(wall_);
  EXPECT_EQ(keeper->stats().events->at({"codex", "trip"}), 1);
}

TEST_F(KeeperTest, EventsOfALogWaitForALockedFile) {
  const auto keeper = Keeper();
  After(*keeper, 0);
  {
    auto other = base::Database::Open(path_, base::Database::Mode::kReadWrite);
    auto lock = base::Transaction::Begin(*other);
    std::ofstream(directory_ + "/codex.log") << "weekly limit reached\n";
    After(*keeper, 1);
  }
  After(*keeper, 1);
  EXPECT_EQ(keeper->stats().events->at({"codex", "quota"}), 1);
}

TEST_F(KeeperTest, PanesAreListedOnlyForATmuxServerOfOurs) {
  session_ = false;
  const auto keeper = Keeper();
  for (int i = 0; i < 10; ++i) After(*keeper, 60);
  EXPECT_EQ(listed_, 0);
  tmux_ = true;
  panes_ = {{31, "work\xff"}};
  After(*keeper, 60);
  EXPECT_EQ(listed_, 1);
  EXPECT_TRUE(keeper->stats().live.contains({"codex", "session:work\xEF\xBF\xBD"}));
  for (int i = 0; i < 5; ++i) After(*keeper, 5);
  EXPECT_EQ(listed_, 1) << "the same panes, and no tick";
}

TEST_F(KeeperTest, ABadPatternIsRefused) {
  EXPECT_FALSE(LedgerKeeper::Make({.path = path_, .logs = {{"codex", "/x", {{"529", "("}}}}}).ok());
}

}  // namespace
}  // namespace agent_exporter::ledger

#include "agents/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/agents/fake_host.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::agents {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// A FakeHost as a process source, with what the real ones may do: refuse a field, lose a process, fail.
class FakeSource : public kernel::ProcessSource {
 public:
  std::string_view name() const override { return "fake"; }
  absl::Status ReadAll(std::vector<kernel::ProcessStat>* rows) override {
    if (!listing.ok()) return listing;
    *rows = host.Snapshot();
    return absl::OkStatus();
  }
  absl::StatusOr<kernel::ProcessStat> ReadOne(const kernel::ProcessKey& key) override {
    if (!host.alive(key.pid)) return absl::NotFoundError("gone");
    return host.at(key.pid);
  }
  absl::StatusOr<kernel::ProcessUsage> ReadUsage(const kernel::ProcessKey& key,
                                                 const kernel::UsageFields&) override {
    asked.push_back(key.pid);
    const auto found = usage.find(key.pid);
    return found == usage.end() ? kernel::ProcessUsage{} : found->second;
  }
  void Forget(const kernel::ProcessKey& key) override { forgotten.push_back(key.pid); }

  FakeHost host;
  std::map<pid_t, absl::StatusOr<kernel::ProcessUsage>> usage;
  absl::Status listing;
  std::vector<pid_t> asked, forgotten;
};

class ObserverTest : public testing::Test {
 protected:
  ObserverTest() {
    tree_.Write("stat", "cpu  1 2 3\nbtime 1700000000\n");
    source_.host.Add(10, 1, "codex");
    observer_ = std::make_unique<Observer>(
        Observer::Options{.clock_ticks = 100,
                          .clock = [this] { return base::ClockReading{1700000000 + now_, now_, now_}; }},
        *RuleSet::Make({TrackedHost::CommRule("codex")}), source_, nullptr, proc_, cgroups_, unreadable_);
  }

  // The codex agent `seconds` later.
  AgentSample Look(double seconds, bool tick) {
    now_ += seconds;
    auto observation = observer_->Observe(tick);
    EXPECT_TRUE(observation.ok()) << observation.status();
    last_ = *std::move(observation);
    EXPECT_EQ(last_->agents.size(), 1u);
    return last_->agents.at(0);
  }

  kernel::FakeTree tree_;
  kernel::RootedReader proc_{tree_.root()};
  kernel::RootedReader cgroups_{tree_.root()};
  kernel::Unreadable unreadable_;
  FakeSource source_;
  double now_ = 1000;
  std::unique_ptr<Observer> observer_;
  std::shared_ptr<const Observation> last_;
};

TEST_F(ObserverTest, CpuNeverFallsWhenACoarserSourceIsRead) {
  source_.host.Run(10, 3'007'896'142);
  EXPECT_EQ(Look(1, true).processes.at(0).cpu.total_ns(), 3'007'896'142);
  source_.host.Run(10, -7'896'142);
  EXPECT_EQ(Look(1, true).processes.at(0).cpu.total_ns(), 3'007'896'142);
  source_.host.Run(10, 20'000'000);
  EXPECT_EQ(Look(1, true).processes.at(0).cpu.total_ns(), 3'020'000'000);
}

TEST_F(ObserverTest, CountsTheNamesThatWereAskedForOnTheWholeHost) {
  source_.host.Add(20, 1, "node");
  source_.host.Add(21, 10, "node");
  source_.host.Add(22, 1, "nodejs");
  source_.host.Add(23, 1, "a-very-long-nam");
  source_.host.Add(24, 1, "node");
  source_.host.Exit(24);
  source_.host.Add(25, 1, "MainThread");  // as Node 24 calls itself
  tree_.Link("25/exe", "/usr/local/bin/node");
  source_.host.Add(26, 1, "MainThread");
  Observer observer(
      {.count_names = {"node", "bun", "a-very-long-name"}, .clock = [] { return base::ClockReading{}; }},
      *RuleSet::Make({TrackedHost::CommRule("codex")}), source_, nullptr, proc_, cgroups_, unreadable_);
  const auto observation = observer.Observe(true);
  ASSERT_TRUE(observation.ok()) << observation.status();
  EXPECT_THAT((*observation)->host.named_processes,
              testing::ElementsAre(testing::Pair("a-very-long-name", 1), testing::Pair("bun", 0),
                                   testing::Pair("node", 3)));
}

TEST_F(ObserverTest, AMainThreadIsKnownByItsProgramFile) {
  source_.host.Add(20, 10, "MainThread");
  tree_.Link("20/exe", "/opt/node (deleted)");
  source_.host.Add(21, 10, "git");
  tree_.Link("21/exe", "/usr/bin/git");
  const AgentSample agent = Look(1, true);
  ASSERT_EQ(agent.processes.size(), 3u);
  EXPECT_EQ(agent.processes[1].program, "node");
  EXPECT_EQ(agent.processes[2].program, "");
}

TEST_F(ObserverTest, TheFirstTickIsZero) {
  source_.host.Run(10, 50 * kSecond);
  EXPECT_EQ(Look(1, true).processes.at(0).cpu_ratio, 0);
}

TEST_F(ObserverTest, TheRatioIsOverTicksOnly) {
  Look(1, true);
  source_.host.Run(10, 2 * kSecond, 1 * kSecond);
  EXPECT_DOUBLE_EQ(Look(5, true).processes.at(0).cpu_ratio, 0.6);
  // Looks between ticks keep it, whatever ran and however little time passed.
  source_.host.Run(10, 4 * kSecond);
  EXPECT_DOUBLE_EQ(Look(0.001, false).processes.at(0).cpu_ratio, 0.6);
  EXPECT_DOUBLE_EQ(Look(0.999, false).processes.at(0).cpu_ratio, 0.6);
  EXPECT_DOUBLE_EQ(Look(1, true).processes.at(0).cpu_ratio, 2.0) << "4 s within the 2 s since the last tick";
}

TEST_F(ObserverTest, TheRatioOfAnAgentHoldsChildrenThatCameAndWent) {
  EXPECT_EQ(Look(1, true).tree_cpu_ratio, 0);
  source_.host.Run(10, kSecond);
  source_.host.at(10).children_cpu.user_ns += 2 * kSecond;
  const AgentSample agent = Look(5, true);
  EXPECT_DOUBLE_EQ(agent.self_cpu_ratio, 0.2);
  EXPECT_DOUBLE_EQ(agent.tree_cpu_ratio, 0.6);
  EXPECT_DOUBLE_EQ(Look(0.5, false).tree_cpu_ratio, 0.6) << "over ticks only";
  EXPECT_DOUBLE_EQ(Look(0.5, true).tree_cpu_ratio, 0);
}

TEST_F(ObserverTest, TimeThatStandsStillOrFiguresThatFallGiveZero) {
  source_.host.Run(10, 5 * kSecond);
  Look(1, true);
  source_.host.Run(10, kSecond);
  EXPECT_EQ(Look(0, true).processes.at(0).cpu_ratio, 0);
  source_.host.Run(10, -2 * kSecond);
  EXPECT_EQ(Look(1, true).processes.at(0).cpu_ratio, 0);
}

TEST_F(ObserverTest, APidReusedByAnotherStartsAtZero) {
  source_.host.Run(10, 50 * kSecond);
  Look(1, true);
  source_.host.ExitAndReap(10);
  source_.host.Add(10, 1, "codex");
  source_.host.Run(10, 60 * kSecond);
  EXPECT_EQ(Look(1, true).processes.at(0).cpu_ratio, 0);
  EXPECT_THAT(source_.forgotten, testing::ElementsAre(10));
}

TEST_F(ObserverTest, AZombieIsShownWithoutUsage) {
  source_.usage.emplace(10, kernel::ProcessUsage{.resident_bytes = 5});
  Look(1, true);
  source_.asked.clear();
  source_.host.Exit(10);
  const AgentSample agent = Look(1, true);
  ASSERT_EQ(agent.processes.size(), 1u);
  EXPECT_EQ(agent.processes[0].state, 'Z');
  EXPECT_EQ(agent.processes[0].usage.resident_bytes, std::nullopt);
  EXPECT_THAT(source_.asked, testing::IsEmpty());
}

// Between exit_mm and the end of do_exit the kernel still shows it as running.
TEST_F(ObserverTest, WhoGaveItsMemoryBackIsShownAsAZombie) {
  source_.usage.emplace(10, absl::FailedPreconditionError("gave its memory back"));
  const AgentSample agent = Look(1, true);
  ASSERT_EQ(agent.processes.size(), 1u);
  EXPECT_EQ(agent.processes[0].state, 'Z');
  EXPECT_EQ(agent.processes[0].usage.open_fds, std::nullopt);
}

TEST_F(ObserverTest, AProcessThatVanishesBetweenListAndReadIsLeftOut) {
  source_.usage.emplace(10, absl::NotFoundError("gone"));
  EXPECT_THAT(Look(1, true).processes, testing::IsEmpty());
  EXPECT_THAT(last_->unreadable,
              testing::Not(testing::Contains(testing::Key(testing::Pair("usage", testing::_)))));
}

TEST_F(ObserverTest, UsageThatMayNotBeReadIsAbsentAndCounted) {
  source_.usage.emplace(10, absl::PermissionDeniedError("no"));
  const AgentSample agent = Look(1, true);
  ASSERT_EQ(agent.processes.size(), 1u);
  EXPECT_EQ(agent.processes[0].usage.resident_bytes, std::nullopt);
  EXPECT_EQ(last_->unreadable.at({"usage", "permission"}), 1u);
  Look(1, true);
  EXPECT_EQ(last_->unreadable.at({"usage", "permission"}), 1u) << "of this observation, not of all";
}

TEST_F(ObserverTest, IoCountsFromTheFirstLookAndNeverFalls) {
  source_.usage.emplace(10, kernel::ProcessUsage{.io_read_bytes = 700, .io_write_bytes = 70});
  EXPECT_EQ(Look(1, true).counters.tree_io.read_bytes, 0u) << "what it did before it was watched";
  source_.usage.at(10)->io_read_bytes = 1000;
  EXPECT_EQ(Look(1, true).counters.tree_io.read_bytes, 300u);
  source_.usage.at(10)->io_read_bytes.reset();
  EXPECT_EQ(Look(1, true).counters.tree_io.read_bytes, 300u);
  source_.usage.at(10)->io_read_bytes = 900;
  EXPECT_EQ(Look(1, true).counters.tree_io.read_bytes, 300u);
  source_.usage.at(10)->io_read_bytes = 1001;
  const AgentCounters counters = Look(1, true).counters;
  EXPECT_EQ(counters.tree_io.read_bytes, 301u);
  EXPECT_EQ(counters.self_io.read_bytes, 301u);
  EXPECT_EQ(counters.self_io.write_bytes, 0u);
}

TEST_F(ObserverTest, IoOfAChildBornUnderWatchCountsWholeAndStaysAfterItsEnd) {
  Look(1, true);
  // Start ticks count from boot: this one starts after the observer did.
  source_.host.Add(11, 10, "git");
  source_.host.at(11).key.start_ticks = 1000 * 100 + 50;
  source_.usage.emplace(
      11, kernel::ProcessUsage{.io_read_bytes = 40, .voluntary_switches = 4, .involuntary_switches = 2});
  AgentCounters counters = Look(1, true).counters;
  EXPECT_EQ(counters.tree_io.read_bytes, 40u);
  EXPECT_EQ(counters.self_io.read_bytes, 0u);
  EXPECT_EQ(counters.voluntary_switches, 4u);
  EXPECT_EQ(counters.involuntary_switches, 2u);
  source_.host.ExitAndReap(11);
  counters = Look(1, true).counters;
  EXPECT_EQ(counters.tree_io.read_bytes, 40u);
  EXPECT_EQ(counters.voluntary_switches, 4u);
}

TEST_F(ObserverTest, RootsComeFirstThenAge) {
  source_.host.Add(11, 10, "git");
  source_.host.Add(5, 10, "make");
  source_.host.Add(12, 1, "codex");
  std::vector<pid_t> pids;
  for (const ProcessSample& process : Look(1, true).processes) pids.push_back(process.key.pid);
  EXPECT_THAT(pids, testing::ElementsAre(10, 12, 11, 5));
}

TEST_F(ObserverTest, SaysWhenAndFromWhereItWasMade) {
  Look(5, true);
  EXPECT_EQ(last_->wall_seconds, 1700001005);
  EXPECT_EQ(last_->monotonic_seconds, 1005);
  EXPECT_EQ(last_->boot_time_seconds, 1700000000);
  EXPECT_EQ(last_->process_source, "fake");
  EXPECT_EQ(last_->host.processes, 2u);
}

TEST_F(ObserverTest, AHostWhoseFilesAreMissingHasAbsentFiguresAndSaysSo) {
  Look(1, true);
  EXPECT_FALSE(last_->host.memory.has_value());
  EXPECT_EQ(last_->unreadable.at({"meminfo", "missing"}), 1u);
}

TEST_F(ObserverTest, NoListingNoObservation) {
  source_.listing = absl::InternalError("no procfs");
  EXPECT_EQ(observer_->Observe(true).status(), source_.listing);
  source_.listing = absl::OkStatus();
  EXPECT_EQ(Look(1, true).processes.size(), 1u);
}

TEST_F(ObserverTest, NewRulesTakeEffectAtTheNextLook) {
  Look(1, true);
  Rule rule = TrackedHost::CommRule("codex");
  rule.name = "renamed";
  observer_->SetRules(*RuleSet::Make({rule}));
  now_ += 1;
  const auto observation = *observer_->Observe(true);
  std::map<std::string, size_t> sizes;
  for (const AgentSample& agent : observation->agents) sizes[agent.name] = agent.processes.size();
  EXPECT_EQ(sizes.at("renamed"), 1u);
  EXPECT_EQ(sizes["codex"], 0u);
}

}  // namespace
}  // namespace agent_exporter::agents

// Groups of processes from a fake source, with a tree of files in place of /proc.

#include "compat/process_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compat/group_families.h"

namespace agent_exporter::compat {
namespace {

using testing::ElementsAre;
using testing::Key;

class FakeSource : public kernel::ProcessSource {
 public:
  struct Host {
    std::vector<kernel::ProcessStat> rows;
    std::map<pid_t, kernel::ProcessUsage> usage;
    bool broken = false;
  };
  explicit FakeSource(Host& host) : host_(host) {}

  std::string_view name() const override { return "fake"; }
  absl::Status ReadAll(std::vector<kernel::ProcessStat>* rows) override {
    *rows = host_.rows;
    return host_.broken ? absl::InternalError("no /proc") : absl::OkStatus();
  }
  absl::StatusOr<kernel::ProcessStat> ReadOne(const kernel::ProcessKey&) override {
    return absl::NotFoundError("");
  }
  absl::StatusOr<kernel::ProcessUsage> ReadUsage(const kernel::ProcessKey& key,
                                                 const kernel::UsageFields&) override {
    return host_.usage[key.pid];
  }
  void Forget(const kernel::ProcessKey&) override {}

 private:
  Host& host_;
};

class ProcessGroupsTest : public testing::Test {
 protected:
  ProcessGroupsTest() {
    std::filesystem::create_directories(root_);
    auto rules = GroupRules::FromYaml(
        "process_names:\n- {name: shells, comm: [bash]}\n- {name: editors, comm: [vim]}\n", "test.yml");
    EXPECT_TRUE(rules.ok()) << rules.status();
    proc_ = std::make_unique<kernel::RootedReader>(root_.string());
    groups_ = std::make_unique<ProcessGroups>(GroupOptions{.boot_time_seconds = 1000}, *proc_,
                                              std::make_unique<FakeSource>(host_), *std::move(rules));
  }
  ~ProcessGroupsTest() override { std::filesystem::remove_all(root_); }

  kernel::ProcessStat& Start(pid_t pid, pid_t parent, const std::string& comm) {
    const std::filesystem::path folder = root_ / std::to_string(pid);
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "cmdline") << comm << '\0';
    kernel::ProcessStat row{
        .key = {pid, 100}, .ppid = parent, .comm = comm, .state = 'S', .threads = 2, .start_stack = 1};
    host_.usage[pid] = {.resident_bytes = 10,
                        .virtual_bytes = 20,
                        .swap_bytes = 0,
                        .open_fds = 5,
                        .io_read_bytes = 0,
                        .io_write_bytes = 0,
                        .threads = kernel::ThreadFigures{.states = {0, 2}, .voluntary_switches = 7},
                        .fd_limit = 50};
    host_.rows.push_back(row);
    return host_.rows.back();
  }
  const Group& Look(const std::string& name) {
    EXPECT_TRUE(groups_->Look().ok());
    return groups_->groups().at(name);
  }

  const std::filesystem::path root_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("groups_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  FakeSource::Host host_;
  std::unique_ptr<kernel::RootedReader> proc_;
  std::unique_ptr<ProcessGroups> groups_;
};

TEST_F(ProcessGroupsTest, AddsUpItsMembers) {
  Start(1, 0, "bash");
  Start(2, 0, "bash");
  Start(3, 0, "cat");
  const Group& shells = Look("shells");
  EXPECT_EQ(shells.processes, 2u);
  EXPECT_EQ(shells.threads, 4u);
  EXPECT_THAT(shells.states, ElementsAre(0, 4, 0, 0, 0));
  EXPECT_EQ(shells.resident.value(), 20u);
  EXPECT_DOUBLE_EQ(shells.worst_fd_ratio, 0.1);
  EXPECT_EQ(shells.oldest_start, 1001);
  EXPECT_THAT(groups_->groups(), ElementsAre(Key("shells")));
}

TEST_F(ProcessGroupsTest, DescendantsBelongToTheNearestGroupInAnyOrderOfPids) {
  Start(5, 9, "cat");  // below 9, which is listed later
  Start(7, 5, "grep");
  Start(9, 0, "bash");
  Start(11, 9, "vim");
  EXPECT_EQ(Look("shells").processes, 3u);
  EXPECT_EQ(groups_->groups().at("editors").processes, 1u);
}

TEST_F(ProcessGroupsTest, ADescendantStaysWhenItsParentIsGone) {
  Start(9, 0, "bash");
  Start(5, 9, "cat");
  Look("shells");
  host_.rows.erase(host_.rows.begin());
  host_.rows[0].ppid = 1;
  EXPECT_EQ(Look("shells").processes, 1u);
}

TEST_F(ProcessGroupsTest, AWrapperThatExecsMovesToTheGroupOfItsProgram) {
  kernel::ProcessStat& row = Start(9, 0, "bash");
  EXPECT_EQ(Look("shells").processes, 1u);
  row.comm = "vim";
  row.start_stack = 2;
  EXPECT_EQ(Look("editors").processes, 1u);
  EXPECT_EQ(groups_->groups().at("shells").processes, 0u);
}

TEST_F(ProcessGroupsTest, TotalsBeginAtTheFirstLookAndNeverFall) {
  kernel::ProcessStat& row = Start(9, 0, "bash");
  row.cpu.user_ns = 1000;
  EXPECT_EQ(Look("shells").total.cpu.user_ns, 0);
  EXPECT_EQ(Look("shells").total.voluntary_switches, 0u);
  host_.rows[0].cpu.user_ns = 1500;
  EXPECT_EQ(Look("shells").total.cpu.user_ns, 500);
  Start(10, 0, "bash").cpu.user_ns = 30;  // new: counts in full
  EXPECT_EQ(Look("shells").total.cpu.user_ns, 530);
  host_.rows.clear();
  EXPECT_EQ(Look("shells").total.cpu.user_ns, 530);
  EXPECT_EQ(Look("shells").total.voluntary_switches, 7u);
}

TEST_F(ProcessGroupsTest, WhatCannotBeReadIsAbsentAndCounted) {
  Start(9, 0, "bash");
  host_.usage[9] = {};
  const Group& shells = Look("shells");
  EXPECT_EQ(shells.open_fds.value(), std::nullopt);
  EXPECT_EQ(shells.resident.value(), std::nullopt);
  EXPECT_FALSE(shells.fd_ratio_known);
  EXPECT_EQ(shells.total.read_bytes, std::nullopt);
  EXPECT_EQ(groups_->errors().partial, 1u);
}

TEST_F(ProcessGroupsTest, AFailedLookIsCountedAndShowsNoGroups) {
  Start(9, 0, "bash");
  host_.broken = true;
  EXPECT_FALSE(groups_->Look().ok());
  EXPECT_EQ(groups_->errors().looks, 1u);
}

TEST_F(ProcessGroupsTest, OneWithoutChildrenIsAskedForMatchesOnlyItself) {
  auto rules = GroupRules::FromNames("bash, vim");
  groups_ = std::make_unique<ProcessGroups>(GroupOptions{.children = false}, *proc_,
                                            std::make_unique<FakeSource>(host_), *std::move(rules));
  Start(9, 0, "bash");
  Start(10, 9, "cat");
  EXPECT_EQ(Look("bash").processes, 1u);
}

}  // namespace
}  // namespace agent_exporter::compat

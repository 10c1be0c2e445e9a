#include "agents/oom_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::agents {
namespace {

using testing::HasSubstr;

class OomEvidenceTest : public testing::Test {
 protected:
  OomEvidenceTest() {
    tree_.Write("cgroup.controllers", "memory\n");
    SetKills("/a", 4);
  }
  void SetKills(const std::string& group, int kills) {
    tree_.Write(group.substr(1) + "/memory.events.local",
                "low 0\nhigh 0\nmax 9\noom 1\noom_kill " + std::to_string(kills) + "\noom_group_kill 0\n");
  }
  // A look that sees the root alive. The first one stands for two: only then can anything be denied.
  void Look(const std::string& group, std::optional<uint64_t> host_kills, double now = 1) {
    if (std::exchange(first_, false)) evidence_.EndLook(host_kills, now);
    evidence_.RecordAlive(key_, std::make_shared<const std::string>("0::" + group + "\n"), now);
    evidence_.EndLook(host_kills, now);
  }

  bool first_ = true;
  const kernel::ProcessKey key_{10, 1};
  kernel::FakeTree tree_;
  kernel::RootedReader root_{tree_.root()};
  kernel::CgroupReader cgroups_{root_};
  OomEvidence evidence_{cgroups_};
};

TEST_F(OomEvidenceTest, TheCounterOfItsCgroupConfirms) {
  Look("/a", 7);
  SetKills("/a", 5);
  const OomFinding finding = evidence_.Classify(key_, 0.5, 8);
  EXPECT_EQ(finding.verdict, OomVerdict::kConfirmed);
  EXPECT_THAT(finding.evidence, HasSubstr("cgroup /a rose from 4 to 5"));
}

TEST_F(OomEvidenceTest, AHostWithoutOomKillsDenies) {
  Look("/a", 7);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 7).verdict, OomVerdict::kDenied);
}

TEST_F(OomEvidenceTest, AnOomKillElsewhereLeavesItOpen) {
  Look("/a", 7);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 8).verdict, OomVerdict::kUnclear);
}

TEST_F(OomEvidenceTest, AHostThatDoesNotCountLeavesItOpen) {
  Look("/a", std::nullopt);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, std::nullopt).verdict, OomVerdict::kUnclear);
}

TEST_F(OomEvidenceTest, KillsBeforeItMovedIntoTheGroupAreNotItsOwn) {
  SetKills("/b", 1);
  Look("/b", 7);
  Look("/a", 7);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 7).verdict, OomVerdict::kDenied);
}

TEST_F(OomEvidenceTest, AnEarlierKillInTheGroupIsForgottenAfterAMinute) {
  Look("/a", 7, 1);
  SetKills("/a", 5);  // a child of it
  Look("/a", 8, 62);
  Look("/a", 8, 63);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 8).verdict, OomVerdict::kDenied);
}

TEST_F(OomEvidenceTest, OfARootThatNoLookSawTheCountBeforeItsStartDecides) {
  EXPECT_EQ(evidence_.Classify(key_, 1.5, 7).verdict, OomVerdict::kUnclear);
  evidence_.EndLook(7, 1);
  evidence_.EndLook(8, 2);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 8).verdict, OomVerdict::kUnclear) << "no look was before it";
  EXPECT_EQ(evidence_.Classify(key_, 1.5, 8).verdict, OomVerdict::kUnclear) << "it may be the one";
  EXPECT_EQ(evidence_.Classify(key_, 2.5, 8).verdict, OomVerdict::kDenied);
  EXPECT_EQ(evidence_.Classify(key_, 2.5, 9).verdict, OomVerdict::kUnclear);
}

// It was alive when the look came by and dead when the look read the host's counter.
TEST_F(OomEvidenceTest, AKillWithinTheLookThatSawItAliveIsNotDenied) {
  evidence_.EndLook(7, 1);
  evidence_.RecordAlive(key_, nullptr, 2);
  evidence_.EndLook(8, 2);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 8).verdict, OomVerdict::kUnclear);
}

TEST_F(OomEvidenceTest, ForgetsRootsThatNobodyNotes) {
  Look("/a", 7, 1);
  evidence_.EndLook(7, 400);
  SetKills("/a", 5);
  EXPECT_EQ(evidence_.Classify(key_, 0.5, 7).verdict, OomVerdict::kUnclear);  // /a is forgotten
}

}  // namespace
}  // namespace agent_exporter::agents

#include "agents/oom_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  void NoteAlive(const std::string& group, std::optional<uint64_t> host_kills, double now = 1) {
    evidence_.NoteAlive(key_, std::make_shared<const std::string>("0::" + group + "\n"), host_kills, now);
  }

  const kernel::ProcessKey key_{10, 1};
  kernel::FakeTree tree_;
  kernel::RootedReader root_{tree_.root()};
  kernel::CgroupReader cgroups_{root_};
  OomEvidence evidence_{cgroups_};
};

TEST_F(OomEvidenceTest, TheCounterOfItsCgroupConfirms) {
  NoteAlive("/a", 7);
  SetKills("/a", 5);
  const OomFinding finding = evidence_.Judge(key_, 8);
  EXPECT_EQ(finding.verdict, OomVerdict::kConfirmed);
  EXPECT_THAT(finding.evidence, HasSubstr("cgroup /a rose from 4 to 5"));
}

TEST_F(OomEvidenceTest, AHostWithoutOomKillsDenies) {
  NoteAlive("/a", 7);
  EXPECT_EQ(evidence_.Judge(key_, 7).verdict, OomVerdict::kDenied);
}

TEST_F(OomEvidenceTest, AnOomKillElsewhereLeavesItOpen) {
  NoteAlive("/a", 7);
  EXPECT_EQ(evidence_.Judge(key_, 8).verdict, OomVerdict::kUnclear);
}

TEST_F(OomEvidenceTest, AHostThatDoesNotCountLeavesItOpen) {
  NoteAlive("/a", std::nullopt);
  EXPECT_EQ(evidence_.Judge(key_, std::nullopt).verdict, OomVerdict::kUnclear);
}

TEST_F(OomEvidenceTest, KillsBeforeItMovedIntoTheGroupAreNotItsOwn) {
  SetKills("/b", 1);
  NoteAlive("/b", 7);
  NoteAlive("/a", 7);
  EXPECT_EQ(evidence_.Judge(key_, 7).verdict, OomVerdict::kDenied);
}

TEST_F(OomEvidenceTest, AnEarlierKillInTheGroupIsForgottenAfterAMinute) {
  NoteAlive("/a", 7, 1);
  SetKills("/a", 5);  // a child of it
  NoteAlive("/a", 8, 62);
  EXPECT_EQ(evidence_.Judge(key_, 8).verdict, OomVerdict::kDenied);
}

TEST_F(OomEvidenceTest, NothingIsSaidOfStrangersOrTwice) {
  EXPECT_EQ(evidence_.Judge({11, 1}, 7).verdict, OomVerdict::kUnclear);
  NoteAlive("/a", 7);
  EXPECT_EQ(evidence_.Judge(key_, 7).verdict, OomVerdict::kDenied);
  EXPECT_EQ(evidence_.Judge(key_, 7).verdict, OomVerdict::kUnclear);
}

TEST_F(OomEvidenceTest, ExpiresWhomNobodyNotes) {
  NoteAlive("/a", 7, 1);
  evidence_.Expire(400);
  EXPECT_EQ(evidence_.Judge(key_, 7).verdict, OomVerdict::kUnclear);
}

}  // namespace
}  // namespace agent_exporter::agents

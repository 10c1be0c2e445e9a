#include "sessions/database_snapshot.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

class DatabaseSnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override { Run("PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)"); }
  void Run(const char* sql) {
    const absl::Status status = writer_.Run(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::unique_ptr<DatabaseSnapshot> Open(uint64_t most_bytes = 1 << 20) {
    const base::Descriptor folder = *base::OpenDirectory(tree_.root());
    database_ = *base::OpenRegularFile(folder, "a.db", ::getuid());
    wal_ = *base::OpenRegularFile(folder, "a.db-wal", ::getuid());
    uint64_t bytes = 1 << 20;
    EXPECT_TRUE(index_.Follow(wal_, &bytes).ok());
    EXPECT_TRUE(index_.at_end());
    auto snapshot =
        DatabaseSnapshot::Open(database_, &wal_, index_, std::chrono::milliseconds(5000), most_bytes);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *std::move(snapshot) : nullptr;
  }
  static int64_t Sum(DatabaseSnapshot& snapshot) {
    const auto sum = snapshot.database().Number("SELECT sum(a) FROM t");
    EXPECT_TRUE(sum.ok()) << sum.status();
    return sum.ok() ? sum->value_or(0) : -1;
  }

  kernel::FakeTree tree_;
  base::Database writer_ = *base::Database::Open(tree_.root() + "/a.db", base::Database::Mode::kCreate);
  base::OpenFile database_, wal_;
  WalIndex index_;
};

TEST_F(DatabaseSnapshotTest, WhatIsWrittenLaterIsNotInIt) {
  const auto snapshot = Open();
  Run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(Sum(*snapshot), 1);
  EXPECT_TRUE(snapshot->Unchanged());
  EXPECT_EQ(Sum(*Open()), 3);
}

TEST_F(DatabaseSnapshotTest, KnowsThatPagesWereMoved) {
  Run("PRAGMA wal_checkpoint(RESTART)");
  Run("INSERT INTO t VALUES (2)");
  {
    const auto snapshot = Open();
    Run("PRAGMA wal_checkpoint(PASSIVE)");  // into the database; the log stays
    EXPECT_FALSE(snapshot->Unchanged());
  }
  const auto snapshot = Open();
  Run("INSERT INTO t VALUES (4)");  // the log begins again
  EXPECT_FALSE(snapshot->Unchanged());
  EXPECT_EQ(Sum(*Open()), 7);
}

TEST_F(DatabaseSnapshotTest, WritesNothingAndReadsNoMoreThanItMay) {
  const auto snapshot = Open();
  EXPECT_FALSE(snapshot->database().Run("INSERT INTO t VALUES (2)").ok());
  EXPECT_FALSE(snapshot->database().Run("CREATE TEMP TABLE u AS SELECT * FROM t; DROP TABLE t").ok());
  Run("INSERT INTO t SELECT randomblob(3000) FROM (SELECT 1 UNION SELECT 2), (SELECT 3 UNION SELECT 4 UNION "
      "SELECT 5)");
  EXPECT_FALSE(Open(10'000)->database().Number("SELECT sum(length(a)) FROM t").ok());
  EXPECT_TRUE(Open()->database().Number("SELECT sum(length(a)) FROM t").ok());
}

}  // namespace
}  // namespace agent_exporter::sessions

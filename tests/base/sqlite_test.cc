#include "base/sqlite.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::base {
namespace {

class SqliteTest : public ::testing::Test {
 protected:
  Database Open() const { return *Database::Open(path_, Database::Mode::kCreate); }

  kernel::FakeTree tree_;
  const std::string path_ = tree_.root() + "/a.db";
};

TEST_F(SqliteTest, BindsAndReadsBack) {
  Database db = Open();
  ASSERT_TRUE(db.Run("CREATE TABLE t (a INTEGER, b TEXT, c INTEGER)").ok());
  Statement insert = *db.Prepare("INSERT INTO t VALUES (?1, ?2, ?3)");
  insert.Bind(1, int64_t{1} << 40).Bind(2, std::string_view("x\0y", 3)).Bind(3, std::optional<int64_t>());
  ASSERT_TRUE(insert.Run().ok());
  EXPECT_EQ(db.changes(), 1);
  Statement select = *db.Prepare("SELECT a, b, c FROM t");
  ASSERT_TRUE(*select.Step());
  EXPECT_EQ(select.Integer(0), int64_t{1} << 40);
  EXPECT_EQ(select.Text(1), std::string("x\0y", 3));
  EXPECT_EQ(select.OptionalInteger(2), std::nullopt);
  EXPECT_EQ(select.OptionalReal(2), std::nullopt);
  EXPECT_FALSE(*select.Step());
  EXPECT_EQ(*db.Number("SELECT a FROM t WHERE a = 7"), std::nullopt);
}

TEST_F(SqliteTest, ATransactionThatIsNotCommittedIsUndone) {
  Database db = Open();
  ASSERT_TRUE(db.Run("CREATE TABLE t (a INTEGER)").ok());
  {
    auto undone = Transaction::Begin(db);
    ASSERT_TRUE(undone.ok());
    ASSERT_TRUE(db.Run("INSERT INTO t VALUES (1)").ok());
  }
  EXPECT_EQ(*db.Number("SELECT count(*) FROM t"), 0);
  auto kept = Transaction::Begin(db);
  ASSERT_TRUE(db.Run("INSERT INTO t VALUES (1)").ok());
  ASSERT_TRUE(kept->Commit().ok());
  EXPECT_EQ(*db.Number("SELECT count(*) FROM t"), 1);
}

TEST_F(SqliteTest, ErrorsHaveTheirKind) {
  EXPECT_EQ(Database::Open(path_, Database::Mode::kReadOnly).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Database one = Open(), two = Open();
  ASSERT_TRUE(one.Run("CREATE TABLE t (a INTEGER)").ok());
  EXPECT_EQ(one.Run("no sql").code(), absl::StatusCode::kInternal);
  auto transaction = Transaction::Begin(one);
  ASSERT_TRUE(transaction.ok());
  EXPECT_EQ(Transaction::Begin(two).status().code(), absl::StatusCode::kUnavailable);
  std::ofstream(tree_.root() + "/text") << std::string(10000, 'x');
  Database text = *Database::Open(tree_.root() + "/text", Database::Mode::kReadWrite);
  EXPECT_EQ(text.Number("PRAGMA user_version").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteTest, AQueryEndsAtItsDeadline) {
  Database db = Open();
  db.SetDeadline(std::chrono::steady_clock::now());
  const auto endless =
      db.Number("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
  EXPECT_EQ(endless.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SqliteTest, NoticesThatItsFileMoved) {
  Database db = Open();
  ASSERT_TRUE(db.Run("CREATE TABLE t (a INTEGER)").ok());
  EXPECT_FALSE(db.Moved());
  std::filesystem::rename(path_, tree_.root() + "/elsewhere");
  EXPECT_TRUE(db.Moved());
}

}  // namespace
}  // namespace agent_exporter::base

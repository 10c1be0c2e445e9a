#include "ledger/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/ledger/temporary_ledger.h"

namespace agent_exporter::ledger {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class SchemaTest : public TemporaryLedger {
 protected:
  absl::Status Open() const { return OpenLedger(path_, milliseconds(100), true).status(); }
};

TEST_F(SchemaTest, ANewFileIsItsOwnersOnlyAndHasTheVersion) {
  ASSERT_TRUE(Open().ok());
  struct stat about = {};
  ASSERT_EQ(stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_THAT(Rows("PRAGMA user_version"), testing::ElementsAre("2"));
  EXPECT_THAT(Rows("PRAGMA journal_mode"), testing::ElementsAre("wal"));
  EXPECT_TRUE(Open().ok()) << "once more";
}

TEST_F(SchemaTest, PeopleFindTheColumnsOfTheSpecification) {
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(Rows("SELECT ts, source, pid, cpu_percent, rss_bytes, heap_used_bytes FROM resource_samples"),
              IsEmpty());
  EXPECT_THAT(Rows("SELECT id, ts, source, kind FROM rate_limit_events"), IsEmpty());
}

// As version 1 made it: KiB.
TEST_F(SchemaTest, AnOlderFileIsBroughtUpToDate) {
  {
    auto db = base::Database::Open(path_, base::Database::Mode::kCreate);
    ASSERT_TRUE(db.ok()) << db.status();
    ASSERT_TRUE(
        db->Run(
              "CREATE TABLE sources (id INTEGER PRIMARY KEY, agent TEXT NOT NULL, source TEXT NOT NULL);"
              "CREATE TABLE samples (ts INTEGER NOT NULL, source_id INTEGER NOT NULL, pid INTEGER, "
              "  cpu_centi INTEGER NOT NULL, rss_kib INTEGER, heap_kib INTEGER, PRIMARY KEY (ts, source_id)) "
              "  WITHOUT ROWID;"
              "CREATE TABLE hourly (hour INTEGER, source_id INTEGER, rss_sum INTEGER, rss_peak INTEGER);"
              "CREATE VIEW resource_samples AS SELECT rss_kib * 1024 AS rss_bytes FROM samples;"
              "INSERT INTO sources VALUES (1, 'codex', 'agent-server');"
              "INSERT INTO samples VALUES (5, 1, 7, 4000, 3, NULL);"
              "INSERT INTO hourly VALUES (0, 1, 6, 4);"
              "PRAGMA user_version = 1")
            .ok());
  }
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(Rows("SELECT agent, cpu_percent, rss_bytes, heap_used_bytes FROM resource_samples", 4),
              testing::ElementsAre("codex|40.0|3072|"));
  EXPECT_THAT(Rows("SELECT rss_sum, rss_peak FROM hourly", 2), testing::ElementsAre("6144|4096"));
  EXPECT_THAT(Rows("PRAGMA user_version"), testing::ElementsAre("2"));
}

TEST_F(SchemaTest, ANewerFileIsLeftAlone) {
  ASSERT_TRUE(Open().ok());
  Rows("PRAGMA user_version = 99");
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer version (schema 99"));
  EXPECT_FALSE(OpenLedgerReadOnly(path_).ok());
  EXPECT_THAT(Rows("PRAGMA user_version"), testing::ElementsAre("99"));
}

TEST_F(SchemaTest, DamageIsFound) {
  std::ofstream(path_) << std::string(20000, 'x');
  EXPECT_EQ(Open().code(), absl::StatusCode::kDataLoss);
  std::filesystem::remove(path_);
  {
    auto db = OpenLedger(path_, milliseconds(100), true);
    ASSERT_TRUE(db->Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                        "INSERT INTO samples SELECT i, 1, 1, 1, 1, 1 FROM n")
                    .ok());
    ASSERT_TRUE(db->Run("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100 * 4096);
  file << std::string(8 * 4096, '\xff');
  file.close();
  EXPECT_EQ(Open().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SchemaTest, SetAsideKeepsWhatWasThere) {
  for (const char* suffix : {"", "-wal", "-shm"}) std::ofstream(path_ + suffix) << "x";
  const auto aside = SetAside(path_, 1'700'000'000);
  ASSERT_TRUE(aside.ok()) << aside.status();
  EXPECT_EQ(*aside, path_ + ".damaged-20231114T221320Z");
  EXPECT_THAT(Files(), UnorderedElementsAre("resource-ledger.db.damaged-20231114T221320Z",
                                            "resource-ledger.db.damaged-20231114T221320Z-wal",
                                            "resource-ledger.db.damaged-20231114T221320Z-shm"));
  std::ofstream(path_) << "y";
  EXPECT_EQ(*SetAside(path_, 1'700'000'000), path_ + ".damaged-20231114T221320Z-2");
  EXPECT_FALSE(SetAside(path_, 1'700'000'000).ok()) << "nothing is there";
}

}  // namespace
}  // namespace agent_exporter::ledger

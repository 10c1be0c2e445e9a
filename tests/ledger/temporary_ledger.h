// A directory of the test's own, and what is in a ledger in it, read by SQL.

#ifndef AGENT_EXPORTER_TESTS_LEDGER_TEMPORARY_LEDGER_H_
#define AGENT_EXPORTER_TESTS_LEDGER_TEMPORARY_LEDGER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/sqlite.h"
#include "ledger/schema.h"
#include "ledger/writer.h"

namespace agent_exporter::ledger {

class TemporaryLedger : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "ledger_XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    path_ = directory_ + "/resource-ledger.db";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<LedgerWriter> Writer() const {
    auto writer = LedgerWriter::Open(path_, std::chrono::seconds(5), true);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? *std::move(writer) : nullptr;
  }

  // The rows of a query, columns parted by "|", NULL as an empty text.
  std::vector<std::string> Rows(const std::string& sql, int columns = 1) const {
    std::vector<std::string> rows;
    auto db = base::Database::Open(path_, base::Database::Mode::kReadWrite);
    if (!db.ok()) return {db.status().ToString()};
    auto statement = db->Prepare(sql);
    if (!statement.ok()) return {statement.status().ToString()};
    while (true) {
      const auto row = statement->Step();
      if (!row.ok()) return {row.status().ToString()};
      if (!*row) return rows;
      std::string line;
      for (int i = 0; i < columns; ++i) line += (i == 0 ? "" : "|") + statement->Text(i);
      rows.push_back(line);
    }
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  std::string directory_;
  std::string path_;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_TESTS_LEDGER_TEMPORARY_LEDGER_H_

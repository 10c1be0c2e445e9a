// Which pages of a SQLite database have their newest committed content in its write-ahead log, the -wal file
// (https://sqlite.org/fileformat2.html#walformat). Follows the log as it grows and takes no lock.
//
// Memory: about 16 bytes a page of the log.
//
// Thread safety: none.
// Errors: as base/errno_status.h; ResourceExhausted for a log with too many pages.

#ifndef AGENT_EXPORTER_SESSIONS_WAL_INDEX_H_
#define AGENT_EXPORTER_SESSIONS_WAL_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/regular_file.h"

namespace agent_exporter::sessions {

class WalIndex {
 public:
  // Reads what was committed since the last call, at most about `bytes`, and takes what it read off `bytes`.
  // A log that began again, or another file, is read from its start.
  absl::Status Follow(const base::OpenFile& wal, uint64_t* bytes);
  void Clear() { *this = WalIndex(); }  // there is no log

  // Whether the last call read to the end.
  bool at_end() const { return at_end_; }
  // Whether the log began again since the last call: what Find said is no longer there.
  bool BeganAgain(const base::OpenFile& wal) const;

  // Where in the log the page is (numbered from 1); empty: its content is in the database.
  std::optional<uint64_t> Find(uint32_t page) const;
  // Size of a page in bytes; 0 if the log has nothing committed.
  uint32_t page_size() const { return pages_.empty() ? 0 : page_size_; }
  // Size of the database in pages.
  uint32_t database_pages() const { return database_pages_; }

 private:
  static constexpr size_t kHeader = 32, kFrameHeader = 24;
  struct Position {
    uint64_t offset = kHeader;
    std::array<uint32_t, 2> sum = {};
  };
  // False if the header is not one of a log.
  bool Begin(const std::string& header);
  // Takes the frame at scan_ if it is a valid one.
  bool TakeFrame(const std::string& frame);
  void AddToSum(const char* bytes, size_t size, std::array<uint32_t, 2>* sum) const;

  std::string header_;  // "" if there is no log
  bool big_endian_ = false;
  uint32_t page_size_ = 0, database_pages_ = 0;
  Position scan_, committed_;
  std::vector<std::pair<uint32_t, uint64_t>> pending_;  // pages and offsets between committed_ and scan_
  absl::flat_hash_map<uint32_t, uint64_t> pages_;
  bool at_end_ = false;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_WAL_INDEX_H_

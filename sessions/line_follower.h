// Follows a file of lines that grows: each call reads what is new. Starts again if the file was replaced or
// cut.
//
// A file too long to be read whole is followed from near its end. Between calls it keeps an offset and no
// text; a call needs the memory of one block or of the longest line.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_LINE_FOLLOWER_H_
#define AGENT_EXPORTER_SESSIONS_LINE_FOLLOWER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/regular_file.h"

namespace agent_exporter::sessions {

class LineFollower {
 public:
  struct Limits {
    size_t line = 1 << 20;       // a longer line has no text
    uint64_t whole = 256 << 20;  // a longer file is read from `tail` before its end
    uint64_t tail = 4 << 20;
  };
  LineFollower() : LineFollower(Limits()) {}
  explicit LineFollower(Limits limits) : limits_(limits) {}

  // Calls `restart` if the file is another one than before, then `take` for each new complete line: without
  // its newline, empty if it is too long. Stops when `bytes` are used up and takes what it read off them.
  absl::Status Poll(const base::OpenFile& file, uint64_t* bytes, absl::FunctionRef<void()> restart,
                    absl::FunctionRef<void(std::optional<std::string_view>)> take);

  // All that there was at the last call has been read.
  bool at_end() const { return at_end_; }
  // False: it began in the middle.
  bool whole() const { return whole_; }
  uint64_t offset() const { return offset_; }

 private:
  Limits limits_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  uint64_t offset_ = 0;
  uint64_t seen_ = 0;      // as long as the file was at the last call
  bool skipping_ = false;  // the text at the offset belongs to a line that is too long, or began before
  bool tell_skipped_ = false;
  bool at_end_ = false;
  bool whole_ = true;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_LINE_FOLLOWER_H_

// Reads the lines of a growing file from its end, so that the cost does not depend on the size of the file.
//
// Memory is limited to the longest allowed line and one block of 64 KiB; reading is limited to
// TailLimits::bytes.
//
// Thread safety: free function without state. It uses pread(2), so the descriptor's offset does not change.

#ifndef AGENT_EXPORTER_SESSIONS_TRANSCRIPT_TAIL_H_
#define AGENT_EXPORTER_SESSIONS_TRANSCRIPT_TAIL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace agent_exporter::sessions {

struct TailLimits {
  uint64_t bytes = 4 << 20;  // how far back to read
  size_t line = 1 << 20;     // a longer line has no text
};

// A line without its newline. `text` is empty if the line is too long. `complete` is false for text after the
// last newline: it may still be being written.
struct TailLine {
  std::optional<std::string_view> text;
  bool complete = true;
};

struct TailResult {
  uint64_t bytes_read = 0;
  bool reached_start = false;  // every line was visited
};

// Calls visit(line) for the lines in the first `size` bytes, newest first, until it returns false or a limit
// is reached. Skips empty lines and the line that the limit cuts. Errors: Aborted if the file became shorter;
// otherwise as ErrnoStatus.
absl::StatusOr<TailResult> VisitLinesFromEnd(int fd, uint64_t size, const TailLimits& limits,
                                             absl::FunctionRef<bool(const TailLine&)> visit);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_TRANSCRIPT_TAIL_H_

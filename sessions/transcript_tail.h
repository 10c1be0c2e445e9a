// The lines of a growing file, read from its end: what is new costs the same however long the file is.
//
// Memory is bounded by the longest line allowed and one piece of 64 KiB; the bytes read by TailLimits::bytes.
//
// Thread safety: free function without state; it reads with pread(2), so the descriptor's offset stays.

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
  uint64_t bytes = 4 << 20;  // how far back
  size_t line = 1 << 20;     // a longer line is passed over
};

// A line without its newline; empty for one that is too long to be kept. `complete` is false for what stands
// after the last newline: somebody may still be writing it.
struct TailLine {
  std::optional<std::string_view> text;
  bool complete = true;
};

struct TailResult {
  uint64_t bytes_read = 0;
  bool reached_start = false;  // every line was visited
};

// Calls visit(line), the newest first, until it returns false, the first `size` bytes of the file are read or
// a limit is met. Empty lines are passed over, and so is the line that the limit cuts. Aborted: the file got
// shorter meanwhile; else as ErrnoStatus.
absl::StatusOr<TailResult> VisitLinesFromEnd(int fd, uint64_t size, const TailLimits& limits,
                                             absl::FunctionRef<bool(const TailLine&)> visit);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_TRANSCRIPT_TAIL_H_

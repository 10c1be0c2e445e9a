#include "sessions/transcript_tail.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/errno_status.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kPiece = 64 << 10;

absl::Status ReadAt(int fd, uint64_t offset, size_t size, std::string* buffer) {
  buffer->resize(size);
  for (size_t have = 0; have < size;) {
    const ssize_t got = ::pread(fd, buffer->data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, "reading from the end");
    if (got == 0) return absl::AbortedError("the file became shorter while it was read");
    have += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

// The line that is being read: its end, as far as it was read.
class Partial {
 public:
  explicit Partial(size_t limit) : limit_(limit) {}

  // Adds text that comes before the part read so far.
  void Prepend(std::string_view older) {
    empty_ = empty_ && older.empty();
    if (too_long_ || older.size() + text_.size() > limit_) {
      too_long_ = true;
      text_.clear();
    } else {
      text_.insert(0, older);
    }
  }
  bool empty() const { return empty_; }
  TailLine Line() const {
    return {too_long_ ? std::nullopt : std::optional<std::string_view>(text_), complete_};
  }
  // Starts the previous line.
  void Next() {
    text_.clear();
    too_long_ = false;
    empty_ = true;
    complete_ = true;
  }

 private:
  size_t limit_;
  std::string text_;
  bool too_long_ = false;
  bool empty_ = true;
  bool complete_ = false;  // the last line of the file may lack a newline
};

}  // namespace

absl::StatusOr<TailResult> VisitLinesFromEnd(int fd, uint64_t size, const TailLimits& limits,
                                             absl::FunctionRef<bool(const TailLine&)> visit) {
  TailResult result;
  Partial partial(limits.line);
  std::string piece;
  uint64_t at = size;
  while (at > 0 && result.bytes_read < limits.bytes) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>({kPiece, at, limits.bytes - result.bytes_read}));
    at -= wanted;
    if (absl::Status status = ReadAt(fd, at, wanted, &piece); !status.ok()) return status;
    result.bytes_read += wanted;
    std::string_view rest = piece;
    for (size_t newline = rest.rfind('\n'); newline != std::string_view::npos; newline = rest.rfind('\n')) {
      partial.Prepend(rest.substr(newline + 1));
      if (!partial.empty() && !visit(partial.Line())) return result;
      partial.Next();
      rest = rest.substr(0, newline);
    }
    partial.Prepend(rest);
  }
  if (at > 0) return result;
  result.reached_start = true;
  if (!partial.empty()) visit(partial.Line());
  return result;
}

}  // namespace agent_exporter::sessions

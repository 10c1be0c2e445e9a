#include "sessions/line_follower.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/errno_status.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kBlock = 64 << 10;

}  // namespace

absl::Status LineFollower::Poll(const base::OpenFile& file, uint64_t* bytes,
                                absl::FunctionRef<void()> restart,
                                absl::FunctionRef<void(std::optional<std::string_view>)> take) {
  const auto size = static_cast<uint64_t>(file.stat.st_size);
  if (file.stat.st_dev != device_ || file.stat.st_ino != inode_ || size < seen_) {
    device_ = file.stat.st_dev;
    inode_ = file.stat.st_ino;
    whole_ = size <= limits_.whole;
    offset_ = whole_ ? 0 : size - limits_.tail;
    skipping_ = !whole_;
    tell_skipped_ = false;
    restart();
  }
  seen_ = size;
  std::string buffer;
  size_t have = 0;  // bytes of the line at offset_ that were looked at
  while (offset_ + have < size && *bytes > 0) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>({kBlock, size - offset_ - have, *bytes}));
    buffer.resize(have + wanted);
    const ssize_t got =
        ::pread(file.descriptor.get(), buffer.data() + have, wanted, static_cast<off_t>(offset_ + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, "reading on");
    if (got == 0) break;  // cut meanwhile: the next call starts again
    *bytes -= static_cast<uint64_t>(got);
    const std::string_view text(buffer.data(), have + static_cast<size_t>(got));
    size_t start = 0;
    for (size_t end = text.find('\n', have); end != std::string_view::npos; end = text.find('\n', start)) {
      if (!skipping_) {
        if (end > start) take(text.substr(start, end - start));
      } else if (tell_skipped_) {
        take(std::nullopt);
      }
      skipping_ = tell_skipped_ = false;
      start = end + 1;
    }
    offset_ += start;
    have = text.size() - start;
    if (skipping_ || have > limits_.line) {
      tell_skipped_ = tell_skipped_ || !skipping_;
      skipping_ = true;
      offset_ += have;
      have = 0;
    }
    buffer.erase(0, text.size() - have);
  }
  // What is left of a line is read again by the next call.
  at_end_ = offset_ + have >= size;
  return absl::OkStatus();
}

}  // namespace agent_exporter::sessions

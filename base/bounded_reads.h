// Reads that the kernel may never finish, each on a helper thread and with a deadline.
//
// A read of /proc/<pid>/cmdline waits for the lock of that process' memory map, which one of its threads can
// hold for ever, for instance in mmap() on a file system that does not respond. Opening a file on such a
// mount also hangs. The reader is then in D state, and no signal or time limit can interrupt it. So we leave
// the helper thread behind until the kernel returns, and do not start the same read again before that.
//
// Cost: two thread switches per read, 10 to 20 us.
//
// Ownership: everything a read uses must live as long as the read, so the read owns it (by value or
// shared_ptr). Hanging threads may outlive this object. Thread safety: any number of callers.

#ifndef AGENT_EXPORTER_BASE_BOUNDED_READS_H_
#define AGENT_EXPORTER_BASE_BOUNDED_READS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/system.h"

namespace agent_exporter::base {

class BoundedReads {
 public:
  struct Options {
    // Long enough for a helper thread on a busy machine, short enough not to delay a scrape.
    std::chrono::milliseconds patience{50};
    // While this many reads hang, no further read starts.
    size_t most_hanging = 16;
    System* system = &System::Real();
  };
  explicit BoundedReads(Options options);

  // The instance that the whole program shares.
  static BoundedReads& Shared();

  // Returns the result of `read`. DeadlineExceeded: it took too long, an earlier read of `what` still hangs,
  // or too many reads hang. Unavailable: no thread for it. `what` names what is read, for log messages.
  // `patience`: replaces that of Options, for reads that nothing waits for.
  template <typename T>
  absl::StatusOr<T> Read(const std::string& what, std::function<absl::StatusOr<T>()> read,
                         std::optional<std::chrono::milliseconds> patience = std::nullopt) {
    // Shared with the read, because a late read writes it after we have returned.
    const auto result = std::make_shared<absl::StatusOr<T>>();
    const absl::Status status = Run(what, [result, read = std::move(read)] { *result = read(); }, patience);
    if (!status.ok()) return status;
    return std::move(*result);
  }

  // For commands that read once, without a scrape that waits.
  void SetPatience(std::chrono::milliseconds patience);

  // The number of late reads that have not ended.
  size_t late() const;
  // The reads that have been hanging for a second or more.
  struct Hanging {
    size_t count = 0;
    std::string oldest;  // what it reads
  };
  Hanging hanging() const;

 private:
  struct State;

  absl::Status Run(const std::string& what, std::function<void()> read,
                   std::optional<std::chrono::milliseconds> own_patience);

  const std::shared_ptr<State> state_;
};

// Whether a read failed only because it took too long, so that it is worth trying again.
inline bool IsUnanswered(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_BOUNDED_READS_H_

// Reads that the kernel may never finish, each on a helper thread and with a deadline.
//
// Whoever reads /proc/<pid>/cmdline waits for that process' memory map, which a thread of it can hold for
// ever: mmap() on a file system that does not answer is enough. The same goes for opening a file on such a
// mount. The reader is then in D state; no signal and no time limit gets it out. So the helper thread is left
// behind until the kernel lets it go, and what it read is not asked for again before that.
//
// Cost: two thread switches a read, 10 to 20 us.
//
// Ownership: what a read touches must live as long as the read, so a read owns it (by value or shared_ptr).
// Threads that hang may outlive this object. Thread safety: any number of callers.

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
    // Long enough for a helper on a busy machine, short enough that a scrape in the same moment is not late.
    std::chrono::milliseconds patience{50};
    // Beyond so many that hang at once nothing is asked.
    size_t most_hanging = 16;
    System* system = &System::Real();
  };
  explicit BoundedReads(Options options);

  // The one that all of this program shares.
  static BoundedReads& Shared();

  // What `read` returns. DeadlineExceeded: it is late, an earlier read of `what` still hangs, or too many
  // hang. Unavailable: there is no thread for it. `what` names the thing that is read, in words fit for a log
  // line.
  // `patience`: where nothing waits for it, more than Options' can be spent.
  template <typename T>
  absl::StatusOr<T> Read(const std::string& what, std::function<absl::StatusOr<T>()> read,
                         std::optional<std::chrono::milliseconds> patience = std::nullopt) {
    // Shared with the read: one that is late writes it when nobody looks any more.
    const auto result = std::make_shared<absl::StatusOr<T>>();
    const absl::Status status = Run(what, [result, read = std::move(read)] { *result = read(); }, patience);
    if (!status.ok()) return status;
    return std::move(*result);
  }

  // For programs that look once and have nobody waiting.
  void SetPatience(std::chrono::milliseconds patience);

  // Reads that are late and have not ended.
  size_t late() const;
  // Those that hang for a second or more.
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

// Whether a read failed only because it was not answered, so that it is worth trying again.
inline bool IsUnanswered(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_BOUNDED_READS_H_

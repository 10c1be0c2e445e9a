// Rate limits that an agent writes of in its own log file.
//
// A log is followed by inode and offset: what is there when it is first opened is history, a file that is
// made or rotated in later is read from its start, and one that was cut is read from its new start. At most
// 1 MiB is read at a time; of a longer line only the first 16 KiB are looked at.
//
// Thread safety: none; one thread polls.

#ifndef AGENT_EXPORTER_LEDGER_RATE_LIMIT_LOG_H_
#define AGENT_EXPORTER_LEDGER_RATE_LIMIT_LOG_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "re2/re2.h"

namespace agent_exporter::ledger {

// What tells the kinds apart; the first that is found in a line names it.
class RateLimitPatterns {
 public:
  // The wordings that are known (kDefaults in the source), with `own` in place of those of the same kind.
  // InvalidArgument for a bad expression or a kind that is no wording's: 529, throttle, quota, 429,
  // overloaded.
  static absl::StatusOr<RateLimitPatterns> Make(const std::map<std::string, std::string>& own);

  // The kind that a line tells of, or "".
  std::string_view KindOf(std::string_view line) const;

 private:
  std::vector<std::pair<std::string, std::unique_ptr<RE2>>> patterns_;
};

class LogFollower {
 public:
  explicit LogFollower(std::string path) : path_(std::move(path)) {}

  // Passes every new whole line to `take`, without its line break.
  void Poll(const std::function<void(std::string_view)>& take);

 private:
  // False when the budget is used up.
  bool ReadOn(const std::function<void(std::string_view)>& take);
  void TakeText(std::string_view text, const std::function<void(std::string_view)>& take);

  std::string path_;
  base::Descriptor file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  off_t offset_ = 0;
  std::string partial_;  // a line whose end is still to come
  size_t budget_ = 0;
  bool polled_ = false;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_RATE_LIMIT_LOG_H_

// Finds rate limits in an agent's own log file.
//
// Follows the log by inode and offset. Skips what is there at the first open; reads a file that is created or
// rotated in later from its start, and a truncated one from its new start. Reads at most 1 MiB at a time, and
// looks only at the first 16 KiB of a line.
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

// The expressions of the kinds; the first that matches a line wins.
class RateLimitPatterns {
 public:
  // The defaults (kDefaults in the source), with those of the same kind replaced by `own`. InvalidArgument
  // for a bad expression or an unknown kind; known are 529, throttle, quota, 429 and overloaded.
  static absl::StatusOr<RateLimitPatterns> Make(const std::map<std::string, std::string>& own);

  // The kind of rate limit in a line, or "".
  std::string_view KindOf(std::string_view line) const;

 private:
  std::vector<std::pair<std::string, std::unique_ptr<RE2>>> patterns_;
};

class LogFollower {
 public:
  explicit LogFollower(std::string path) : path_(std::move(path)) {}

  // Calls `take` with each new complete line, without its line break.
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
  std::string partial_;  // an incomplete line
  size_t budget_ = 0;
  bool polled_ = false;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_RATE_LIMIT_LOG_H_

// Counts what could not be read in the current observation, by file and reason, for
// agent_exporter_unreadable, which explains missing samples.
//
// Thread safety: none; it belongs to the thread that reads.

#ifndef AGENT_EXPORTER_KERNEL_UNREADABLE_H_
#define AGENT_EXPORTER_KERNEL_UNREADABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace agent_exporter::kernel {

class Unreadable {
 public:
  // (file, reason), for instance {"fd", "permission"} or {"meminfo", "malformed"}. Files of a process are
  // named without their pid, so that the number of series stays bounded.
  using Counts = std::map<std::pair<std::string, std::string>, uint64_t>;

  // Counts one failed read. Callers do not count NotFound for a process' file, since the process is just
  // gone. Reasons: permission, missing, malformed, blocked (unanswered), error.
  void Count(std::string_view file, const absl::Status& why);

  const Counts& counts() const { return counts_; }
  // Returns the counts of this observation and starts the next one.
  Counts Take() { return std::exchange(counts_, {}); }

 private:
  Counts counts_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_UNREADABLE_H_

// Counts failed reads of the current observation by file and reason, for the metric
// agent_exporter_unreadable, which explains missing samples.
//
// Thread safety: none; only the thread that reads uses it.

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
  // (file, reason), for instance {"fd", "permission"} or {"meminfo", "malformed"}. Names of process files do
  // not include the pid, so that the number of series stays bounded.
  using Counts = std::map<std::pair<std::string, std::string>, uint64_t>;

  // Counts one failed read. Callers do not count NotFound of a process' file, because the process is simply
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

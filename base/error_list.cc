#include "base/error_list.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace agent_exporter::base {
namespace {

// N of "file:N: what", or 0. A file's name may contain colons, but not one followed by digits.
long LineOf(const std::string& text) {
  for (size_t colon = text.find(':'); colon != std::string::npos; colon = text.find(':', colon + 1)) {
    char* end = nullptr;
    const long line = std::strtol(text.c_str() + colon + 1, &end, 10);
    if (line > 0 && *end == ':') return line;
  }
  return 0;
}

}  // namespace

void ErrorList::Add(const absl::Status& status) {
  if (status.ok()) return;
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) lines_.emplace_back(line);
}

absl::Status ErrorList::status() const {
  if (lines_.empty()) return absl::OkStatus();
  std::vector<std::string> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const std::string& a, const std::string& b) { return LineOf(a) < LineOf(b); });
  return absl::InvalidArgumentError(absl::StrJoin(sorted, "\n"));
}

}  // namespace agent_exporter::base

// Collects all errors of a file, so that users can fix them at once.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_BASE_ERROR_LIST_H_
#define AGENT_EXPORTER_BASE_ERROR_LIST_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::base {

class ErrorList {
 public:
  // OK adds nothing; each line of the message is one error.
  void Add(const absl::Status& status);

  // Returns the value, or adds the error and returns an empty optional.
  template <typename T>
  std::optional<T> Take(absl::StatusOr<T> result) {
    Add(result.status());
    return result.ok() ? std::optional<T>(*std::move(result)) : std::nullopt;
  }

  bool empty() const { return lines_.empty(); }

  // OK, or InvalidArgument with one error per line; errors of one file ("file:line: what") are sorted by
  // line.
  absl::Status status() const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_ERROR_LIST_H_

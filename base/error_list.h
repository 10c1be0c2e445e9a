// All errors of a file, so that whoever wrote it mends them in one go.
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
  // OK adds nothing; several lines are several errors.
  void Add(const absl::Status& status);

  // The value, or an empty optional and the error added.
  template <typename T>
  std::optional<T> Take(absl::StatusOr<T> result) {
    Add(result.status());
    return result.ok() ? std::optional<T>(*std::move(result)) : std::nullopt;
  }

  bool empty() const { return lines_.empty(); }

  // OK, or InvalidArgument with each error on a line of its own, those of one file ("file:line: what") in the
  // order of their lines.
  absl::Status status() const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_ERROR_LIST_H_

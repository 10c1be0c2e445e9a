#include "kernel/unreadable.h"

namespace agent_exporter::kernel {
namespace {

std::string_view Reason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kPermissionDenied:
      return "permission";
    case absl::StatusCode::kNotFound:
      return "missing";
    case absl::StatusCode::kDeadlineExceeded:
      return "blocked";
    case absl::StatusCode::kInvalidArgument:
      return "malformed";
    default:
      return "error";
  }
}

}  // namespace

void Unreadable::Count(std::string_view file, const absl::Status& why) {
  ++counts_[{std::string(file), std::string(Reason(why.code()))}];
}

}  // namespace agent_exporter::kernel

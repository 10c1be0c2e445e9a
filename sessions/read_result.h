// What became of an attempt to read something, as the label `result` of the counters.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_SESSIONS_READ_RESULT_H_
#define AGENT_EXPORTER_SESSIONS_READ_RESULT_H_

#include "absl/status/status.h"

namespace agent_exporter::sessions {

// ok, absent, refused, invalid, timeout or failed.
inline const char* ReadResult(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return "ok";
    case absl::StatusCode::kNotFound:
      return "absent";
    case absl::StatusCode::kPermissionDenied:
      return "refused";
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kResourceExhausted:
      return "invalid";
    case absl::StatusCode::kDeadlineExceeded:
      return "timeout";
    default:
      return "failed";
  }
}

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_READ_RESULT_H_

// The commands' side of the slot socket (run/slot_messages.h): how all of them connect, send and receive.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_RUN_SERVE_SOCKET_H_
#define AGENT_EXPORTER_RUN_SERVE_SOCKET_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace agent_exporter::run {

// A connection on which each send and each receive waits at most `patience`. NotFound: nobody listens at the
// path.
absl::StatusOr<base::Descriptor> ConnectToServe(const std::string& socket_path,
                                                std::chrono::milliseconds patience);

// Unavailable if serve has hung up.
absl::Status SendLine(const base::Descriptor& socket, std::string_view line);

// One line, with its newline. DeadlineExceeded; Unavailable if serve has hung up.
absl::StatusOr<std::string> ReceiveLine(const base::Descriptor& socket);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SERVE_SOCKET_H_

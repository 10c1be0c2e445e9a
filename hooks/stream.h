// Connections to a server, plain or over TLS. Each wait ends at a deadline, or when a descriptor becomes
// readable.
//
// Ownership: a Stream owns its socket. Thread safety: one thread at a time for each Stream.
// Errors: DeadlineExceeded, Cancelled, and Unavailable with the reason for everything else.

#ifndef AGENT_EXPORTER_HOOKS_STREAM_H_
#define AGENT_EXPORTER_HOOKS_STREAM_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::hooks {

// How long to wait.
struct Patience {
  std::chrono::steady_clock::time_point deadline;
  int cancel_fd = -1;  // readable: stop waiting; -1: none

  // Waits for `events` of poll(2), or for an error, on `fd`.
  absl::Status WaitFor(int fd, short events) const;
};

class Stream {
 public:
  virtual ~Stream() = default;
  // Sends all of `data`.
  virtual absl::Status Send(std::string_view data) = 0;
  // Waits for at least one byte; 0 at the end of the stream.
  virtual absl::StatusOr<size_t> Receive(char* data, size_t size) = 0;
};

// Tries each address of the host in turn.
absl::StatusOr<std::unique_ptr<Stream>> Connect(const std::string& host, const std::string& port,
                                                const Patience& patience);

// TLS 1.2 or later on top of `stream`. The certificate must be valid for `host` and signed by an authority
// that the system (or SSL_CERT_FILE) trusts.
absl::StatusOr<std::unique_ptr<Stream>> StartTls(std::unique_ptr<Stream> stream, const std::string& host);

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_STREAM_H_

// run's side of the slot socket (run/slot_messages.h).
//
// Thread safety: none. Errors: NotFound: nobody listens at the path; FailedPrecondition: serve refused;
// DeadlineExceeded: no answer within five seconds.

#ifndef AGENT_EXPORTER_RUN_SLOT_CLIENT_H_
#define AGENT_EXPORTER_RUN_SLOT_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "run/slot_messages.h"

namespace agent_exporter::run {

class SlotClient {
 public:
  // Connects and asks serve to watch the process.
  static absl::StatusOr<std::unique_ptr<SlotClient>> HandOver(const std::string& socket_path,
                                                              const SlotRequest& request);

  // Reports the task's end. Returns what serve knows about the task.
  absl::StatusOr<SlotReport> End(const SlotEnd& end);

 private:
  explicit SlotClient(base::Descriptor socket) : socket_(std::move(socket)) {}
  absl::StatusOr<std::string> Ask(const std::string& line);

  base::Descriptor socket_;
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SLOT_CLIENT_H_

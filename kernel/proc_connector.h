// The socket of the kernel's proc connector (drivers/connector/cn_proc.c): subscribes and receives its
// events. kernel/netlink_events.cc interprets them. Private to kernel/.
//
// Ownership: owns its socket; destroying it unsubscribes. Thread safety: none.

#ifndef AGENT_EXPORTER_KERNEL_PROC_CONNECTOR_H_
#define AGENT_EXPORTER_KERNEL_PROC_CONNECTOR_H_

#include <linux/cn_proc.h>

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace agent_exporter::kernel {

// proc_event.what. linux/cn_proc.h declares these names inside the struct before 6.6 and outside it since.
inline constexpr uint32_t kProcEventNone = 0;
inline constexpr uint32_t kProcEventFork = 0x1;
inline constexpr uint32_t kProcEventExec = 0x2;
inline constexpr uint32_t kProcEventExit = 0x80000000;

class ProcConnector {
 public:
  // Errors: as MakeNetlinkEvents.
  static absl::StatusOr<std::unique_ptr<ProcConnector>> Open(int receive_buffer_bytes);
  ~ProcConnector();
  ProcConnector(const ProcConnector&) = delete;
  ProcConnector& operator=(const ProcConnector&) = delete;

  // Calls take(event) for every waiting event, in the order they happened: exec of any process, fork and exit
  // of main threads. Does not block.
  absl::Status Receive(absl::FunctionRef<void(const proc_event&)> take);

  // Events lost so far because the buffer was full.
  uint64_t dropped();

 private:
  class Batch;

  explicit ProcConnector(base::Descriptor socket);
  absl::Status Subscribe();
  absl::Status Send(proc_cn_mcast_op operation);

  const base::Descriptor socket_;
  const std::unique_ptr<Batch> batch_;
  uint32_t port_ = 0;
  uint64_t dropped_ = 0;
  uint32_t last_count_ = 0;  // the kernel's counter, 32 bits wide
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROC_CONNECTOR_H_

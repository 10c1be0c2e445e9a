// Reads a BPF ring buffer (BPF_MAP_TYPE_RINGBUF) and maps only what there is to read.
//
// libbpf's reader keeps the whole ring mapped, twice. The kernel counts these pages as the reader's resident
// memory, 8 MiB for a ring of 4 MiB, even if it is empty.
//
// Thread safety: one thread at a time. Borrows the map's descriptor, which must outlive the ring.

#ifndef AGENT_EXPORTER_KERNEL_BPF_RING_H_
#define AGENT_EXPORTER_KERNEL_BPF_RING_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>

namespace agent_exporter::kernel {

class BpfRing {
 public:
  // `bytes` is the ring's size, the map's max_entries.
  static absl::StatusOr<std::unique_ptr<BpfRing>> Open(int map, size_t bytes);
  ~BpfRing();
  BpfRing(const BpfRing&) = delete;
  BpfRing& operator=(const BpfRing&) = delete;

  // Calls `take` with each record that is complete, oldest first. The data is valid during the call only.
  absl::Status Consume(absl::FunctionRef<void(const void* data, size_t size)> take);

 private:
  BpfRing(int map, size_t bytes) : map_(map), bytes_(bytes) {}

  const int map_;
  const size_t bytes_;
  void* consumer_ = nullptr;        // a page that holds how far we have read, in bytes since the start
  const void* producer_ = nullptr;  // a page that holds how far the programs have written
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_BPF_RING_H_

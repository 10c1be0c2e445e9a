#include "kernel/bpf_ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "kernel/bpf_loading.h"

namespace agent_exporter::kernel {
namespace {

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

void* Map(int map, size_t offset, size_t size, int rights) {
  void* const mapped = mmap(nullptr, size, rights, MAP_SHARED, map, static_cast<off_t>(offset));
  return mapped == MAP_FAILED ? nullptr : mapped;
}

}  // namespace

// The map's pages: the consumer's position, the producer's, then the data twice in a row, so that a record
// that wraps around lies in one piece.
absl::StatusOr<std::unique_ptr<BpfRing>> BpfRing::Open(int map, size_t bytes) {
  std::unique_ptr<BpfRing> ring(new BpfRing(map, bytes));
  ring->consumer_ = Map(map, 0, PageBytes(), PROT_READ | PROT_WRITE);
  if (ring->consumer_ == nullptr) return BpfStatus(errno, "opening the event ring");
  ring->producer_ = Map(map, PageBytes(), PageBytes(), PROT_READ);
  if (ring->producer_ == nullptr) return BpfStatus(errno, "opening the event ring");
  return ring;
}

BpfRing::~BpfRing() {
  if (consumer_ != nullptr) munmap(consumer_, PageBytes());
  if (producer_ != nullptr) munmap(const_cast<void*>(producer_), PageBytes());
}

absl::Status BpfRing::Consume(absl::FunctionRef<void(const void*, size_t)> take) {
  auto* const consumer = static_cast<unsigned long*>(consumer_);
  unsigned long at = *consumer;  // only we write it
  const unsigned long end = __atomic_load_n(static_cast<const unsigned long*>(producer_), __ATOMIC_ACQUIRE);
  if (at == end) return absl::OkStatus();

  const size_t begin = at & (bytes_ - 1);
  const size_t before = begin & (PageBytes() - 1);
  const size_t mapped_bytes = before + (end - at);
  void* const mapped = Map(map_, 2 * PageBytes() + begin - before, mapped_bytes, PROT_READ);
  if (mapped == nullptr) return BpfStatus(errno, "reading events");
  const char* record = static_cast<const char*>(mapped) + before;
  while (at != end) {
    const uint32_t header = __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
    if ((header & BPF_RINGBUF_BUSY_BIT) != 0) break;  // still being written: next time
    const size_t size = header & ~BPF_RINGBUF_DISCARD_BIT;
    if ((header & BPF_RINGBUF_DISCARD_BIT) == 0) take(record + BPF_RINGBUF_HDR_SZ, size);
    const size_t whole = (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    record += whole;
    at += whole;
    __atomic_store_n(consumer, at, __ATOMIC_RELEASE);
  }
  munmap(mapped, mapped_bytes);
  return absl::OkStatus();
}

}  // namespace agent_exporter::kernel

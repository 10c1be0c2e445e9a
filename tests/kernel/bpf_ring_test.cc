// A file in memory that is laid out like a ring stands in for the kernel's, so this needs no rights.

#include "kernel/bpf_ring.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"

namespace agent_exporter::kernel {
namespace {

class BpfRingTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(ftruncate(file_.get(), static_cast<off_t>(4 * page_)), 0);
    auto ring = BpfRing::Open(file_.get(), page_);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
  }

  void Put(size_t at, const void* data, size_t size) {
    ASSERT_EQ(pwrite(file_.get(), data, size, static_cast<off_t>(at)), static_cast<ssize_t>(size));
  }
  // `at` counts bytes since the start, like the positions.
  void PutRecord(unsigned long at, uint32_t flags, const std::string& text) {
    const uint32_t header[2] = {static_cast<uint32_t>(text.size()) | flags, 0};
    const size_t offset = 2 * page_ + at % page_;
    Put(offset, header, sizeof(header));
    Put(offset + sizeof(header), text.data(), text.size());
  }
  void PutPositions(unsigned long consumer, unsigned long producer) {
    Put(0, &consumer, sizeof(consumer));
    Put(page_, &producer, sizeof(producer));
  }
  std::vector<std::string> Consume() {
    std::vector<std::string> got;
    const absl::Status status = ring_->Consume(
        [&](const void* data, size_t size) { got.emplace_back(static_cast<const char*>(data), size); });
    EXPECT_TRUE(status.ok()) << status;
    return got;
  }

  const size_t page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const base::Descriptor file_{memfd_create("ring", MFD_CLOEXEC)};
  std::unique_ptr<BpfRing> ring_;
};

using Texts = std::vector<std::string>;

TEST_F(BpfRingTest, AnEmptyRingHasNothing) { EXPECT_EQ(Consume(), Texts{}); }

TEST_F(BpfRingTest, RecordsAreReadOnceAndDiscardedOnesSkipped) {
  PutRecord(0, 0, "first");
  PutRecord(16, BPF_RINGBUF_DISCARD_BIT, "not this");
  PutRecord(32, 0, "third, longer");
  PutPositions(0, 56);
  EXPECT_EQ(Consume(), (Texts{"first", "third, longer"}));
  EXPECT_EQ(Consume(), Texts{});
}

TEST_F(BpfRingTest, ARecordThatIsBeingWrittenWaits) {
  PutRecord(0, 0, "first");
  PutRecord(16, BPF_RINGBUF_BUSY_BIT, "second");
  PutPositions(0, 32);
  EXPECT_EQ(Consume(), Texts{"first"});
  PutRecord(16, 0, "second");
  EXPECT_EQ(Consume(), Texts{"second"});
}

TEST_F(BpfRingTest, ARecordWrapsAroundTheEnd) {
  const unsigned long at = 7 * page_ - 16;
  PutRecord(at, 0, "longer than eight bytes");
  PutPositions(at, at + 32);
  EXPECT_EQ(Consume(), Texts{"longer than eight bytes"});
}

}  // namespace
}  // namespace agent_exporter::kernel

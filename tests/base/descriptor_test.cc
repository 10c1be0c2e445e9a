#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace agent_exporter::base {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
Descriptor OpenNull() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(DescriptorTest, ClosesInItsDestructor) {
  int fd = -1;
  {
    const Descriptor descriptor = OpenNull();
    fd = descriptor.get();
    EXPECT_TRUE(descriptor.ok());
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(DescriptorTest, MoveTransfersAndClosesTheOldDescriptor) {
  Descriptor from = OpenNull();
  Descriptor to = OpenNull();
  const int kept = from.get();
  const int dropped = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), kept);
  EXPECT_TRUE(IsOpen(kept));
  EXPECT_FALSE(IsOpen(dropped));
}

}  // namespace
}  // namespace agent_exporter::base

#include "kernel/unreadable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::kernel {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(UnreadableTest, CountsByFileAndReason) {
  Unreadable unreadable;
  unreadable.Count("fd", absl::PermissionDeniedError("x"));
  unreadable.Count("fd", absl::PermissionDeniedError("y"));
  unreadable.Count("fd", absl::InternalError("x"));
  unreadable.Count("meminfo", absl::InvalidArgumentError("x"));
  unreadable.Count("io", absl::NotFoundError("x"));
  EXPECT_THAT(unreadable.counts(),
              UnorderedElementsAre(Pair(Pair("fd", "permission"), 2), Pair(Pair("fd", "error"), 1),
                                   Pair(Pair("meminfo", "malformed"), 1), Pair(Pair("io", "missing"), 1)));
}

TEST(UnreadableTest, TakeStartsAnew) {
  Unreadable unreadable;
  unreadable.Count("fd", absl::PermissionDeniedError("x"));
  EXPECT_EQ(unreadable.Take().size(), 1);
  EXPECT_THAT(unreadable.counts(), IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::kernel

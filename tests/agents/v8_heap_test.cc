#include "agents/v8_heap.h"

#include <gtest/gtest.h>

namespace agent_exporter::agents {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20, kGiB = uint64_t{1} << 30;

std::optional<uint64_t> Given(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment = {}) {
  const auto heap = V8HeapOf("/usr/bin/node", arguments, environment);
  EXPECT_TRUE(heap.has_value());
  return heap ? heap->given_bytes : std::nullopt;
}

TEST(V8Heap, IsInTheArguments) {
  EXPECT_EQ(Given({"node", "--max-old-space-size=300", "a.js"}), 300 * kMiB);
  EXPECT_EQ(Given({"node", "--max_old_space_size=300"}), 300 * kMiB);
  EXPECT_EQ(Given({"node", "--max-old-space-size", "300"}), 300 * kMiB);
  EXPECT_EQ(Given({"node", "--max-old-space-size=1", "--max-old-space-size=2"}), 2 * kMiB) << "the last one";
  EXPECT_EQ(Given({"node", "--max-old-space-size=many"}), std::nullopt);
  EXPECT_EQ(Given({"node", "--max-old-space-size"}), std::nullopt);
}

TEST(V8Heap, OrInTheEnvironment) {
  const std::vector<std::string> environment = {"HOME=/",
                                                "NODE_OPTIONS=--inspect  --max-old-space-size=8192"};
  EXPECT_EQ(Given({"node", "a.js"}, environment), 8192 * kMiB);
  EXPECT_EQ(Given({"node", "--max-old-space-size=5"}, environment), 5 * kMiB) << "arguments win";
}

TEST(V8Heap, IsNodesAlone) {
  EXPECT_FALSE(V8HeapOf("/usr/bin/python3", {"--max-old-space-size=300"}, {}).has_value());
  EXPECT_FALSE(V8HeapOf("node_exporter", {}, {}).has_value());
  EXPECT_TRUE(V8HeapOf("nodejs", {}, {}).has_value());
}

TEST(V8Heap, DefaultsToNodesOwnRule) {
  EXPECT_EQ(DefaultV8HeapBytes(2 * kGiB), kGiB);
  EXPECT_EQ(DefaultV8HeapBytes(8 * kGiB), 2 * kGiB);
  EXPECT_EQ(DefaultV8HeapBytes(16 * kGiB), 4 * kGiB);
  EXPECT_EQ(DefaultV8HeapBytes(256 * kGiB), 4 * kGiB);
}

}  // namespace
}  // namespace agent_exporter::agents

#include "kernel/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/descriptor.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

TEST(DirectoryTest, VisitsEveryEntryOnceThoughTheBufferIsSmall) {
  FakeTree tree;
  std::set<std::string> expected = {".", ".."};
  for (int i = 0; i < 200; ++i) {
    tree.Write(std::to_string(i), "");
    expected.insert(std::to_string(i));
  }
  const base::Descriptor dir(::open(tree.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::string buffer(512, '\0');
  std::multiset<std::string> seen;
  EXPECT_EQ(ForEachEntry(dir.get(), &buffer, [&](const char* name) { seen.insert(name); }), 0);
  EXPECT_EQ(seen, std::multiset<std::string>(expected.begin(), expected.end()));
}

TEST(DirectoryTest, ReturnsTheErrno) {
  const base::Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string buffer(512, '\0');
  EXPECT_EQ(ForEachEntry(file.get(), &buffer, [](const char*) {}), ENOTDIR);
}

}  // namespace
}  // namespace agent_exporter::kernel

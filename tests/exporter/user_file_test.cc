#include "base/user_file.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>

#include "exporter/commands.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::exporter {
namespace {

TEST(UserFile, IsReadWhole) {
  const kernel::FakeTree tree;
  const std::string text = std::string(10'000, 'x') + '\0' + "end";
  tree.Write("file", text);
  const auto read = base::ReadUserFile("it", tree.root() + "/file");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == text);
}

// What LoadConfig says of a file that cannot be read is config_test.cc's.
TEST(UserFile, ThatCannotBeReadIsNamedWithTheFlagAndWhy) {
  const kernel::FakeTree tree;
  Options options;
  options.diagnose.code = 1;
  for (const auto& [path, why] :
       {std::pair{tree.root() + "/none", "No such file or directory"}, {tree.root(), "Is a directory"}}) {
    options.diagnose.stderr_file = path;
    std::ostringstream out, err;
    EXPECT_EQ(RunDiagnoseExit(options, out, err), 1);
    EXPECT_EQ(err.str(), "agent_exporter: cannot read --stderr-file " + path + ": " + why + "\n");
  }
}

}  // namespace
}  // namespace agent_exporter::exporter

#include "agents/command_name.h"

#include <gtest/gtest.h>

namespace agent_exporter::agents {
namespace {

using Argv = std::vector<std::string>;

TEST(CommandName, IsWhatSomebodyWouldCallIt) {
  struct Case {
    Argv argv;
    const char* exe;
    const char* comm;
    const char* name;
  };
  const Case cases[] = {
      {{"git", "status"}, "/usr/bin/git", "git", "git"},
      {{"/usr/bin/rg", "-n", "x"}, "/usr/bin/rg", "rg", "rg"},
      {{"-bash"}, "/bin/bash", "bash", "bash"},
      {{"node", "/opt/x/mcp-server.cjs", "--stdio"}, "/usr/bin/node", "node", "mcp-server.cjs"},
      {{"node", "/a/node_modules/@org/files/dist/index.js"}, "/usr/bin/node", "MainThread", "@org/files"},
      {{"node", "/home/a/index.js"}, "/usr/bin/node", "node", "index.js"},  // no package to say more
      {{"npm exec mcp-postgres"}, "/usr/bin/node", "npm exec mcp-po", "mcp-postgres"},
      {{"npx", "-y", "@org/mcp-postgres@1.2"}, "/usr/bin/npx", "npx", "@org/mcp-postgres"},
      {{"uvx", "mcp-server-git"}, "/usr/bin/uvx", "uvx", "mcp-server-git"},
      {{"python3", "-m", "conport.main"}, "/usr/bin/python3.11", "python3", "conport"},
      {{"bash", "/home/a/build.sh"}, "/bin/bash", "bash", "build.sh"},
      {{"bash", "-c", "sleep 1"}, "/bin/bash", "bash", "bash"},
      {{"/opt/google/chrome/chrome", "--type=renderer"}, "/opt/google/chrome/chrome", "chrome", "chrome"},
      {{"/opt/google/chrome/chrome --type=renderer --lang=en"},
       "/opt/google/chrome/chrome",
       "chrome",
       "chrome"},
      {{"sshd: a [priv]"}, "/usr/sbin/sshd", "sshd", "sshd"},
      {{""}, "/usr/bin/strange", "strange", "strange"},
      {{}, "", "kworker/0:1", "kworker/0:1"},
  };
  for (const Case& c : cases) EXPECT_EQ(CommandName(c.argv, c.exe, c.comm), c.name) << c.name;
}

TEST(CommandName, IsShortAndValid) {
  EXPECT_EQ(CommandName({std::string(1000, 'x')}, "", "x").size(), 64u);
  EXPECT_EQ(CommandName({"\xff"}, "", "x"), "\xEF\xBF\xBD");
}

TEST(CommandName, MostNamesNeedNoCommandLine) {
  for (const char* comm : {"git", "rg", "cc1plus", "mcp-server"})
    EXPECT_FALSE(NeedsCommandLine(comm)) << comm;
  for (const char* comm :
       {"node", "python3", "bash", "MainThread", "npm exec mcp-po", "uvx", "a-name-of-15-by"}) {
    EXPECT_TRUE(NeedsCommandLine(comm)) << comm;
  }
}

}  // namespace
}  // namespace agent_exporter::agents

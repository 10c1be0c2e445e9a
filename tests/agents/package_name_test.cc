#include "agents/package_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agents/script_name.h"

namespace agent_exporter::agents {
namespace {

TEST(PackageOfPathTest, IsTheInnermostPackage) {
  EXPECT_EQ(PackageOfPath("/usr/lib/node_modules/@google/gemini-cli/dist/index.js"), "@google/gemini-cli");
  EXPECT_EQ(PackageOfPath("../lib/node_modules/cline/bin/cline"), "cline");
  EXPECT_EQ(PackageOfPath("/l/node_modules/a/node_modules/@b/c/x.js"), "@b/c");
  EXPECT_EQ(PackageOfPath("/v/lib/python3.11/site-packages/celery/__main__.py"), "celery");
  EXPECT_EQ(PackageOfPath("/usr/lib/python3/dist-packages/rq/cli.py"), "rq");
  EXPECT_EQ(PackageOfPath("/h/.local/share/pipx/venvs/aider-chat/bin/aider"), "aider-chat");
  EXPECT_EQ(PackageOfPath("/h/.local/share/uv/tools/aider-chat/bin/aider"), "aider-chat");
}

TEST(PackageOfPathTest, OrNone) {
  for (const char* path : {"", "/usr/bin/gemini", "/x/node_modules/.bin/gemini", "/x/node_modules/lonely.js",
                           "/x/node_modules/@scope", "/x/node_modules/"}) {
    EXPECT_EQ(PackageOfPath(path), "") << path;
  }
}

std::string Runs(const std::vector<std::string>& argv) {
  const ScriptCall call = FindScript(argv, "");
  return RunnerTarget(argv, call.script, call.first_argument);
}

TEST(RunnerTargetTest, IsThePackageWithoutItsVersion) {
  EXPECT_EQ(Runs({"node", "/usr/bin/npx", "-y", "@google/gemini-cli@0.61.0", "-p", "x"}),
            "@google/gemini-cli");
  EXPECT_EQ(Runs({"node", "/l/npm/bin/npx-cli.js", "--package=cowsay@1", "cow"}), "cowsay");
  EXPECT_EQ(Runs({"npm exec @openai/codex"}), "@openai/codex");
  EXPECT_EQ(Runs({"node", "/usr/bin/npm", "exec", "--", "codex"}), "codex");
  EXPECT_EQ(Runs({"bun", "x", "opencode-ai"}), "opencode-ai");
  EXPECT_EQ(Runs({"/h/.bun/bin/bunx", "-p", "a", "b"}), "a");
  EXPECT_EQ(Runs({"uvx", "--python", "3.12", "mcp-server-git==1.0"}), "mcp-server-git");
  EXPECT_EQ(Runs({"uv", "tool", "run", "--from", "aider-chat[x]", "aider"}), "aider-chat");
  EXPECT_EQ(Runs({"/usr/bin/python3", "/usr/bin/pipx", "run", "aider-chat"}), "aider-chat");
  EXPECT_EQ(Runs({"node", "/usr/bin/pnpm", "dlx", "cline"}), "cline");
}

TEST(RunnerTargetTest, OrNothing) {
  EXPECT_EQ(Runs({"npm install codex"}), "");
  EXPECT_EQ(Runs({"node", "/usr/bin/npm", "run", "dev"}), "");
  EXPECT_EQ(Runs({"node", "/usr/bin/npx"}), "");
  EXPECT_EQ(Runs({"uv", "run", "x.py"}), "");
  EXPECT_EQ(Runs({"vim", "npx", "codex"}), "");
  EXPECT_EQ(Runs({}), "");
}

}  // namespace
}  // namespace agent_exporter::agents

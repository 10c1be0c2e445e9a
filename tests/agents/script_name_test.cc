#include "agents/script_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace agent_exporter::agents {
namespace {

using Argv = std::vector<std::string>;

struct Case {
  Argv argv;
  std::string script;  // "": there is none
};

class ScriptPathTest : public testing::TestWithParam<Case> {};

TEST_P(ScriptPathTest, IsFoundInArgv) { EXPECT_EQ(ScriptPath(GetParam().argv, ""), GetParam().script); }

INSTANTIATE_TEST_SUITE_P(
    Node, ScriptPathTest,
    testing::Values(Case{{"node", "/usr/bin/gemini"}, "/usr/bin/gemini"},
                    Case{{"/usr/bin/node", "--max-old-space-size=4096", "/x/gemini.js", "-r"},
                         "/x/gemini.js"},
                    Case{{"node", "-r", "/x/hook.js", "--require", "y", "--import", "z", "/a.js"}, "/a.js"},
                    Case{{"node", "--loader", "ts-node/esm", "-C", "dev", "/a.mjs"}, "/a.mjs"},
                    Case{{"node22", "--", "-odd.js"}, "-odd.js"}, Case{{"node", "inspect", "a.js"}, "a.js"},
                    Case{{"node", "-e", "require('codex')", "codex"}, ""}, Case{{"node", "-p", "1"}, ""},
                    Case{{"node", "-", "codex"}, ""}, Case{{"node"}, ""}, Case{{"node", "--require"}, ""},
                    Case{{"nodemon", "codex"}, ""},
                    Case{{"/usr/share/code/code", "/x/cli.js"}, "/x/cli.js"}));

INSTANTIATE_TEST_SUITE_P(BunAndDeno, ScriptPathTest,
                         testing::Values(Case{{"bun", "run", "script.ts"}, "script.ts"},
                                         Case{{"bun", "--bun", "/usr/bin/qwen"}, "/usr/bin/qwen"},
                                         Case{{"bun", "--cwd", "/x", "run", "--hot", "a.ts"}, "a.ts"},
                                         Case{{"bun", "x", "codex"}, ""},
                                         Case{{"bun", "install", "codex"}, ""},
                                         Case{{"bun", "run", "test"}, "test"},
                                         Case{{"deno", "run", "-A", "script.ts"}, "script.ts"},
                                         Case{{"deno", "run", "-c", "deno.json", "-A", "a.ts"}, "a.ts"},
                                         Case{{"deno", "eval", "codex"}, ""},
                                         Case{{"deno", "a.ts"}, "a.ts"}));

INSTANTIATE_TEST_SUITE_P(
    Python, ScriptPathTest,
    testing::Values(Case{{"python3", "-u", "/usr/bin/aider"}, "/usr/bin/aider"},
                    Case{{"/opt/x/bin/python3.11", "-W", "ignore", "-X", "dev", "a.py"}, "a.py"},
                    Case{{"python", "-Wignore", "-Xdev", "a.py"}, "a.py"},
                    Case{{"python3", "-m", "aider.main", "--x"}, "aider"},
                    Case{{"python3", "-um", "aider"}, "aider"}, Case{{"pypy3", "-Bmaider"}, "aider"},
                    Case{{"python3", "-c", "import aider", "aider"}, ""},
                    Case{{"python3", "-uc", "import aider"}, ""}, Case{{"python3", "-m"}, ""}));

INSTANTIATE_TEST_SUITE_P(
    Others, ScriptPathTest,
    testing::Values(Case{{"/usr/bin/ruby", "-Eutf-8", "-I", "lib", "/usr/bin/puppet"}, "/usr/bin/puppet"},
                    Case{{"ruby3.1", "-W0", "-rbundler/setup", "a.rb"}, "a.rb"},
                    Case{{"ruby", "-e", "puts 1", "a.rb"}, ""},
                    Case{{"perl", "-MStrict", "-w", "-I", "lib", "a.pl"}, "a.pl"},
                    Case{{"perl", "-ne", "print", "codex"}, ""},
                    Case{{"php", "-d", "memory_limit=1G", "artisan", "queue:work"}, "artisan"},
                    Case{{"php", "-f", "a.php"}, "a.php"}));

INSTANTIATE_TEST_SUITE_P(
    Java, ScriptPathTest,
    testing::Values(Case{{"java", "-Xmx1g", "-jar", "/h/agent.jar", "-url", "x"}, "/h/agent.jar"},
                    Case{{"/usr/bin/java", "-cp", "a.jar:b.jar", "-Dx=y", "hudson.remoting.Launcher"},
                         "hudson.remoting.Launcher"},
                    Case{{"java", "@/h/options", "--add-opens", "a/b=c", "a.Main"}, "a.Main"},
                    Case{{"java", "-m", "a/b.Main"}, "a/b.Main"}, Case{{"java", "-version"}, ""},
                    Case{{"java", "@/h/options"}, ""}));

INSTANTIATE_TEST_SUITE_P(Shells, ScriptPathTest,
                         testing::Values(Case{{"sh", "/x/run.sh"}, "/x/run.sh"}, Case{{"-bash"}, ""},
                                         Case{{"-bash", "-c", "codex"}, ""},
                                         Case{{"bash", "-eo", "pipefail", "run.sh"}, "run.sh"},
                                         Case{{"bash", "--rcfile", "x", "+o", "posix", "run.sh"}, "run.sh"},
                                         Case{{"bash", "-lc", "codex exec"}, ""},
                                         Case{{"bash", "-s", "codex"}, ""}));

TEST(ScriptPathTest, AnInterpreterUnderAnotherNameIsKnownByItsExe) {
  const Argv argv = {"renamed", "/x/index.js"};
  EXPECT_EQ(ScriptPath(argv, ""), "");
  EXPECT_EQ(ScriptPath(argv, "/usr/bin/vim"), "");
  EXPECT_EQ(ScriptPath(argv, "/opt/v1/node"), "/x/index.js");
  EXPECT_EQ(ScriptPath({}, "/usr/bin/node"), "");
}

TEST(ScriptNameTest, IsTheBasename) {
  EXPECT_EQ(ScriptName({"node", "/usr/lib/x/bin/gemini.js"}, ""), "gemini.js");
  EXPECT_EQ(ScriptName({"vim", "codex.py"}, "/usr/bin/vim"), "");
}

TEST(FindScriptTest, SaysWhereItsArgumentsBegin) {
  const auto first = [](const Argv& argv) { return FindScript(argv, "").first_argument; };
  EXPECT_EQ(first({"node", "--require", "x", "/usr/bin/gemini", "-p"}), 4u);
  EXPECT_EQ(first({"python3", "-um", "aider.main", "--x"}), 3u);
  EXPECT_EQ(first({"python3", "-maider", "--x"}), 2u);
  EXPECT_EQ(first({"java", "-jar", "a.jar", "-url"}), 3u);
  EXPECT_EQ(first({"bun", "run", "a.ts", "x"}), 3u);
  EXPECT_EQ(first({"node", "--", "a.js", "x"}), 3u);
  EXPECT_EQ(first({"node", "-e", "x", "y"}), 1u) << "without a script all is told";
  EXPECT_EQ(first({"codex", "exec"}), 1u);
  EXPECT_EQ(first({"python3", "-m"}), 1u);
}

TEST(StripScriptExtensionTest, KnowsScriptsOnly) {
  EXPECT_EQ(StripScriptExtension("/x/gemini.js"), "/x/gemini");
  EXPECT_EQ(StripScriptExtension("aider.py"), "aider");
  EXPECT_EQ(StripScriptExtension("gemini.log"), "gemini.log");
  EXPECT_EQ(StripScriptExtension("gemini"), "gemini");
}

}  // namespace
}  // namespace agent_exporter::agents

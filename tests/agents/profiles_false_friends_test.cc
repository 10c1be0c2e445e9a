// Processes that only mention an agent, share its name, or are other work of the same program: nobody's.

#include <gtest/gtest.h>

#include "tests/agents/profile_case.h"

namespace agent_exporter::agents {
namespace {

constexpr char kNode[] = "/usr/bin/node";
constexpr char kPython[] = "/usr/bin/python3";
constexpr char kRuby[] = "/usr/bin/ruby";

const std::vector<ProfileCase>& FalseFriends() {
  static const auto* const kCases = new std::vector<ProfileCase>{
      {"", "editor", "vim", {"vim", "codex.py"}, "/usr/bin/vim"},
      {"", "editor", "vim", {"vim", "/h/cursor-agent/versions/1/index.js"}, "/usr/bin/vim"},
      {"", "editor", "emacs", {"emacs", "/home/u/.local/share/claude/versions/2.1.2"}, "/usr/bin/emacs"},
      {"", "pager", "tail", {"tail", "-f", "gemini.log"}, "/usr/bin/tail"},
      {"", "search", "grep", {"grep", "-r", "claude", "."}, "/usr/bin/grep"},
      {"", "manual", "man", {"man", "goose"}, "/usr/bin/man"},
      {"", "terminal", "tmux: client", {"tmux", "new", "codex"}, "/usr/bin/tmux"},
      {"", "terminal", "tmux: server", {"tmux", "new", "-s", "claude", "claude"}, "/usr/bin/tmux"},
      {"", "title", "sshd", {"sshd: u /usr/bin/claude"}, "/usr/sbin/sshd"},
      // Wrappers around an agent are not the agent.
      {"", "shell", "bash", {"bash", "-c", "codex exec 'do it'"}, "/usr/bin/bash"},
      {"", "shell script", "claude", {"/bin/bash", "/home/u/bin/claude"}, "/usr/bin/bash"},
      {"", "shell script", "codex", {"/bin/sh", "/usr/local/bin/codex"}, "/usr/bin/dash"},
      {"", "shell script", "amp", {"/bin/sh", "/usr/local/bin/amp"}, "/usr/bin/dash"},
      {"", "sudo", "sudo", {"sudo", "codex"}, "/usr/bin/sudo"},
      {"", "timeout", "timeout", {"timeout", "60", "claude", "-p", "x"}, "/usr/bin/timeout"},
      {"", "ssh", "ssh", {"ssh", "host", "claude"}, "/usr/bin/ssh"},
      {"", "npx's title", "npm exec @opena", {"npm exec @openai/codex"}, kNode},
      {"", "npx", "node", {"node", "/usr/bin/npx", "@google/gemini-cli"}, kNode},
      {"", "npm installs", "npm install @qw", {"npm install @qwen-code/qwen-code@0.24.4"}, kNode},
      {"", "uvx", "uvx", {"uvx", "--from", "aider-chat", "aider"}, "/usr/bin/uvx"},
      // Scripts that people named after the service they call.
      {"", "a bot", "node", {"node", "/srv/bot/gemini.js"}, kNode},
      {"", "a service", "node", {"node", "/srv/api/dist/services/claude.js"}, kNode},
      {"", "a bot", "node", {"node", "/srv/bot/codex.mjs"}, kNode},
      {"", "in a bin folder", "node", {"node", "/srv/app/bin/qwen.js"}, kNode},
      {"", "a service", "node", {"node", "/srv/app/copilot.js"}, kNode},
      {"", "a service", "bun", {"bun", "run", "opencode.ts"}, "/usr/bin/bun"},
      {"", "without an extension", "node", {"node", "/srv/app/auggie"}, kNode},
      {"",
       "another package",
       "node",
       {"node", "/usr/bin/gemini"},
       kNode,
       {{"/usr/bin/gemini", "../lib/node_modules/gemini-chat/cli.js"}}},
      {"",
       "another package",
       "node",
       {"node", "/usr/bin/claude"},
       kNode,
       {{"/usr/bin/claude", "../lib/node_modules/claude-proxy/bin/claude"}}},
      {"", "another package's folder", "node", {"node", "/x/node_modules/codex/bin/codex"}, kNode},
      {"",
       "a dependency",
       "node",
       {"node", "/l/node_modules/@google/gemini-cli/node_modules/mcp-x/index.js"},
       kNode},
      {"", "a Python script", "python3", {"python3", "/srv/aider.py"}, kPython},
      {"", "a Python script", "gemini", {"/usr/bin/python3", "/usr/bin/gemini", "load"}, kPython},
      {"", "a Ruby script", "ruby", {"ruby", "/srv/sidekiq.rb"}, kRuby},
      {"", "a Python celery.py", "python3", {"python3", "celery.py", "beat"}, kPython},
      // Interpreters that run something else.
      {"", "", "node", {"node", "server.js", "codex"}, kNode},
      {"", "", "node", {"node", "/home/u/gemini/index.js"}, kNode},
      {"", "", "node", {"node", "-e", "x", "/usr/bin/gemini"}, kNode},
      {"", "", "node", {"node", "/x/@github/copilot-language-server/dist/language-server.js"}, kNode},
      {"", "", "python3", {"python3", "-c", "import aider"}, kPython},
      {"", "", "python3", {"python3", "train.py", "aider"}, kPython},
      {"", "", "python3", {"python3", "/home/u/log.py", "/usr/bin/salt-minion"}, kPython},
      {"", "", "ruby", {"ruby", "x.rb", "puppet", "agent"}, kRuby},
      // Others of the same name.
      {"",
       "a storage node",
       "codex",
       {"codex", "--data-dir=/var/lib/codex", "--api-port=8080"},
       "/usr/local/bin/codex"},
      {"", "a storage node", "codex", {"codex", "persistence", "--eth-provider=x"}, "/usr/local/bin/codex"},
      {"",
       "AMP's build tool",
       "node",
       {"node", "/usr/bin/amp", "serve"},
       kNode,
       {{"/usr/bin/amp", "../lib/node_modules/amp-cli/amp"}}},
      {"", "an editor", "amp", {"amp", "file.txt"}, "/usr/bin/amp"},
      {"", "database migrations", "goose", {"goose", "postgres", "host=db", "up"}, "/usr/bin/goose"},
      {"", "AWS's", "copilot", {"copilot", "svc", "deploy"}, "/usr/bin/copilot"},
      {"", "a text editor", "kilo", {"kilo", "main.c"}, "/usr/local/bin/kilo"},
      {"", "a calculator", "pi", {"pi", "10000"}, "/usr/bin/pi"},
      {"", "a compressor", "crush", {"crush", "a.png"}, "/usr/bin/crush"},
      {"", "", "claude-desktop", {"claude-desktop"}, "/usr/lib/claude-desktop/electron"},
      {"", "a helper", "codex-voice-host", {"/l/@openai/codex-linux-x64/vendor/x/codex-voice-host"}},
      {"", "a user's shells", "kiro-cli-term", {"kiro-cli-term"}, "/home/u/.local/bin/kiro-cli-term"},
      // Other work of the same program.
      {"", "", "woodpecker-agen", {"woodpecker-agent", "ping"}, "/bin/woodpecker-agent"},
      {"", "", "drone-runner-do", {"drone-runner-docker", "exec", ".drone.yml"}, "/bin/drone-runner-docker"},
      {"", "", "act_runner", {"act_runner", "register"}, "/usr/bin/act_runner"},
      {"", "", "puppet", {"/usr/bin/ruby", "/usr/bin/puppet", "apply", "x.pp"}, kRuby},
      {"", "", "gitlab-runner", {"gitlab-runner", "register"}, "/usr/bin/gitlab-runner"},
      {"",
       "",
       "buildkite-agent",
       {"buildkite-agent", "artifact", "upload", "start"},
       "/usr/bin/buildkite-agent"},
      {"", "", "Runner.Listener", {"/opt/r/bin/Runner.Listener", "configure"}, "/opt/r/bin/Runner.Listener"},
      {"", "", "Runner.Worker", {"/opt/r/bin/Runner.Worker", "spawnclient", "1", "2"}},
      {"", "", "java", {"java", "-jar", "/opt/apm/agent.jar"}, "/usr/bin/java"},
      {"", "", "java", {"java", "-jar", "jenkins.war"}, "/usr/bin/java"},
      {"", "", "celery", {"/usr/bin/python3", "/v/bin/celery", "-A", "worker", "beat"}, kPython},
      {"", "", "celery", {"/usr/bin/python3", "/v/bin/celery", "-A", "proj", "flower"}, kPython},
      {"", "", "python", {"[celeryd: celery@host:ForkPoolWorker-1]"}, kPython},
      {"", "", "bundle", {"ruby", "/usr/bin/bundle", "exec", "rails", "s"}, kRuby},
      {"", "", "rq", {"/v/bin/python3", "/v/bin/rq", "info"}, kPython},
      {"", "", "rails", {"ruby", "/app/bin/rails", "server"}, kRuby},
      {"", "kernel thread", "kworker/0:1", {}, ""},
  };
  return *kCases;
}

class FalseFriendTest : public testing::TestWithParam<ProfileCase> {};

TEST_P(FalseFriendTest, IsNobodys) { EXPECT_EQ(AgentOf(GetParam()), "") << GetParam(); }

INSTANTIATE_TEST_SUITE_P(Profiles, FalseFriendTest, testing::ValuesIn(FalseFriends()));

}  // namespace
}  // namespace agent_exporter::agents

// The built-in profiles against processes as they look in /proc: what each must find, and its false friends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agents/rules.h"
#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {
namespace {

const RuleSet& Profiles() {
  static const RuleSet* const kSet = [] {
    absl::StatusOr<RuleSet> set = RuleSet::Make(BuiltInRules());
    EXPECT_TRUE(set.ok()) << set.status();
    return new RuleSet(*std::move(set));
  }();
  return *kSet;
}

TEST(ProfilesTest, EachHasAKnownKindAndSaysWhereItComesFrom) {
  for (const Rule& rule : Profiles().rules()) {
    EXPECT_THAT(rule.kind, testing::AnyOf("coder", "ci", "config", "worker")) << rule.name;
    EXPECT_EQ(rule.origin, "built-in profile " + rule.name);
    EXPECT_TRUE(rule.built_in) << rule.name;
  }
}

struct Case {
  std::string agent;  // "" for none
  std::string comm;
  std::vector<std::string> argv;
  std::string exe = {};
};

// Every profile must be here, so a new one without a case fails.
const std::vector<Case>& Found() {
  static const auto* const kCases = new std::vector<Case>{
      {"claude", "claude", {"claude"}},
      {"claude", "claude", {"claude", "--resume"}},
      {"claude", "claude", {"/home/u/.local/bin/claude", "-p", "x"}},
      {"claude", "claude.exe", {"/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe"}},
      {"claude", "claude", {"claude", "", ""}},  // node wrote its title over argv
      {"claude", "2.1.201", {"/home/u/.local/share/claude/versions/2.1.201", "--bg-spare", "/tmp/s"}},
      {"claude", "MainThread", {"node", "/usr/bin/claude"}},
      {"claude", "node", {"node", "--no-warnings", "/x/node_modules/@anthropic-ai/claude-code/cli.js"}},
      {"codex", "node", {"node", "/usr/bin/codex"}},
      {"codex", "node", {"node", "/x/node_modules/.bin/codex", "exec"}},
      {"codex", "node", {"/usr/bin/node", "/x/node_modules/@openai/codex/bin/codex.js"}},
      {"codex", "codex", {"/x/@openai/codex/vendor/x86_64-unknown-linux-musl/codex/codex", "exec"}},
      {"codex", "codex", {"codex"}},
      {"codex", "codex-x86_64-un", {"./codex-x86_64-unknown-linux-musl"}},
      {"codex", "codex-aarch64-u", {"/opt/codex-aarch64-unknown-linux-musl", "exec"}},
      {"gemini", "node", {"node", "/usr/bin/gemini"}},
      {"gemini", "MainThread", {"/usr/bin/node", "--max-old-space-size=8192", "/usr/local/bin/gemini", "-p"}},
      {"gemini", "node", {"node", "/x/node_modules/@google/gemini-cli/dist/index.js"}},
      {"gemini", "node", {"node", "/x/node_modules/@google/gemini-cli/bundle/gemini.js"}},
      {"gemini", "bun", {"bun", "run", "/usr/bin/gemini"}},
      {"qwen", "node", {"node", "/usr/bin/qwen"}},
      {"qwen", "node", {"node", "/x/@qwen-code/qwen-code/cli-entry.js"}},
      {"opencode", "opencode", {"opencode", "serve"}},
      {"opencode", ".opencode", {"/x/opencode-ai/bin/.opencode"}},
      {"opencode", "node", {"node", "/usr/bin/opencode"}},
      {"aider", "aider", {"/usr/bin/python3", "/home/u/.local/bin/aider", "--model", "x"}},
      {"aider", "python3", {"python3", "-m", "aider"}},
      {"aider", "python3.11", {"/v/bin/python3.11", "-u", "-m", "aider.main"}},
      {"goose", "goose", {"goose"}},
      {"goose", "goose", {"/home/u/.local/bin/goose", "session"}},
      {"goose", "goosed", {"/usr/lib/goose/goosed", "agent"}},
      {"cursor-agent",
       "node",
       {"/home/u/.local/bin/cursor-agent", "--use-system-ca",
        "/home/u/.local/share/cursor-agent/versions/2025.09.12-48/index.js"}},
      {"cursor-agent", "node", {"/h/cursor-agent/versions/1/node", "/h/cursor-agent/versions/1/index.js"}},
      {"copilot", "copilot", {"copilot"}},
      {"copilot", "copilot", {"copilot", "--banner"}},
      {"copilot", "node", {"node", "/usr/bin/copilot"}},
      {"copilot", "node", {"node", "/x/@github/copilot/npm-loader.js"}},
      {"amp", "amp", {"amp"}, "/home/u/.amp/bin/amp"},
      {"amp", "amp", {"amp"}, "/x/@sourcegraph/amp/node_modules/@ampcode/cli/bin/amp.exe"},
      {"amp", "node", {"node", "/usr/bin/amp"}},
      {"amp", "node", {"node", "/x/@sourcegraph/amp/dist/main.js"}},
      {"crush", "crush", {"crush"}},
      {"crush", "node", {"node", "/usr/local/bin/crush"}},
      {"droid", "droid", {"/home/u/.local/bin/droid", "exec"}},
      {"github-runner",
       "Runner.Listener",
       {"/opt/actions-runner/bin/Runner.Listener", "run", "--startuptype", "service"}},
      {"azure-pipelines-agent", "Agent.Listener", {"/opt/agent/bin/Agent.Listener", "run"}},
      {"buildkite-agent", "buildkite-agent", {"/usr/bin/buildkite-agent", "start"}},
      {"gitlab-runner", "gitlab-runner", {"/usr/bin/gitlab-runner", "run", "--user", "gitlab-runner"}},
      {"gitlab-runner", "gitlab-runner", {"gitlab-runner", "--debug", "run"}},
      {"woodpecker-agent", "woodpecker-agen", {"/bin/woodpecker-agent"}},
      {"drone-runner", "drone-runner-do", {"/bin/drone-runner-docker"}},
      {"act-runner", "act_runner", {"act_runner", "daemon"}},
      {"act-runner", "forgejo-runner", {"forgejo-runner", "--config", "c.yml", "daemon"}},
      {"jenkins-agent", "java", {"java", "-jar", "agent.jar", "-url", "https://ci/", "-secret", "s"}},
      {"jenkins-agent", "java", {"/usr/bin/java", "-Xmx1g", "-jar", "/h/remoting.jar", "-workDir", "/h"}},
      {"jenkins-agent", "java", {"java", "-jar", "swarm-client-3.40.jar", "-master", "x"}},
      {"jenkins-agent",
       "java",
       {"java", "-cp", "/usr/share/jenkins/agent.jar", "hudson.remoting.jnlp.Main", "-headless"}},
      {"puppet", "puppet", {"/usr/bin/ruby", "/usr/bin/puppet", "agent"}},
      {"puppet",
       "puppet",
       {"/opt/puppetlabs/puppet/bin/ruby", "/opt/puppetlabs/puppet/bin/puppet", "agent", "-t"}},
      {"salt-minion", "salt-minion", {"/usr/bin/python3", "/usr/bin/salt-minion"}},
      {"salt-minion",
       "salt-minion",
       {"/opt/saltstack/salt/bin/python3.10 /usr/bin/salt-minion MultiMinionProcessManager"}},
      {"chef-client",
       "chef-client",
       {"/opt/chef/embedded/bin/ruby", "--disable-gems", "/opt/chef/bin/chef-client", "-d"}},
      {"chef-client", "cinc-client", {"ruby", "/usr/bin/cinc-client"}},
      {"cfengine", "cf-execd", {"/var/cfengine/bin/cf-execd", "--no-fork"}},
      {"cfengine", "cf-agent", {"cf-agent"}},
      {"vigo", "vigo", {"/usr/local/bin/vigo", "agent"}},
      {"celery", "celery", {"/usr/bin/python3", "/v/bin/celery", "-A", "proj", "worker", "-l", "info"}},
      {"celery", "python", {"python", "-m", "celery", "--app=proj", "worker"}},
      {"celery", "python", {"[celeryd: celery@host:MainProcess] -active- (-A proj worker)"}},
      {"sidekiq", "ruby", {"ruby", "/usr/local/bin/sidekiq", "-C", "c.yml"}},
      {"sidekiq", "bundle", {"/usr/bin/ruby3.1", "/usr/local/bin/bundle", "exec", "sidekiq"}},
      {"sidekiq", "bundle", {"sidekiq 7.1.2 app [0 of 5 busy]"}},
      {"rq", "rq", {"/v/bin/python3", "/v/bin/rq", "worker", "high"}},
  };
  return *kCases;
}

// Processes that only mention an agent, or share its name.
const std::vector<Case>& FalseFriends() {
  static const auto* const kCases = new std::vector<Case>{
      // Editors, pagers, search and terminals.
      {"", "vim", {"vim", "codex.py"}, "/usr/bin/vim"},
      {"", "vim", {"vim", "/h/cursor-agent/versions/1/index.js"}, "/usr/bin/vim"},
      {"", "emacs", {"emacs", "/home/u/.local/share/claude/versions/2.1.2"}, "/usr/bin/emacs"},
      {"", "tail", {"tail", "-f", "gemini.log"}, "/usr/bin/tail"},
      {"", "grep", {"grep", "-r", "claude", "."}, "/usr/bin/grep"},
      {"", "man", {"man", "goose"}, "/usr/bin/man"},
      {"", "less", {"less", "aider"}, "/usr/bin/less"},
      {"", "tmux: client", {"tmux", "new", "codex"}, "/usr/bin/tmux"},
      {"", "tmux: server", {"tmux", "new", "-s", "claude", "claude"}, "/usr/bin/tmux"},
      // Wrappers around an agent are not the agent.
      {"", "bash", {"bash", "-c", "codex exec 'do it'"}, "/usr/bin/bash"},
      {"", "claude", {"/bin/bash", "/home/u/bin/claude"}, "/usr/bin/bash"},
      {"", "codex", {"/bin/sh", "/usr/local/bin/codex"}, "/usr/bin/dash"},
      {"", "amp", {"/bin/sh", "/usr/local/bin/amp"}, "/usr/bin/dash"},
      {"", "sudo", {"sudo", "codex"}, "/usr/bin/sudo"},
      {"", "timeout", {"timeout", "60", "claude", "-p", "x"}, "/usr/bin/timeout"},
      {"", "npm exec @opena", {"npm exec @openai/codex"}, "/usr/bin/node"},
      {"", "node", {"node", "/usr/bin/npx", "@google/gemini-cli"}, "/usr/bin/node"},
      {"", "ssh", {"ssh", "host", "claude"}, "/usr/bin/ssh"},
      // Interpreters that run something else.
      {"", "node", {"node", "server.js", "--name=codex"}, "/usr/bin/node"},
      {"", "node", {"node", "server.js", "codex"}, "/usr/bin/node"},
      {"", "node", {"node", "/home/u/amp/index.js"}, "/usr/bin/node"},
      {"", "node", {"node", "/home/u/gemini/index.js"}, "/usr/bin/node"},
      {"", "node", {"node", "/home/u/cli.js"}, "/usr/bin/node"},
      {"", "node", {"node", "-e", "x", "/usr/bin/gemini"}, "/usr/bin/node"},
      {"", "node", {"node", "/x/@github/copilot-language-server/dist/language-server.js"}, "/usr/bin/node"},
      {"", "python3", {"python3", "-c", "import aider"}, "/usr/bin/python3"},
      {"", "python3", {"python3", "train.py", "aider"}, "/usr/bin/python3"},
      {"", "gemini", {"/usr/bin/python3", "/usr/bin/gemini", "load"}, "/usr/bin/python3"},
      {"", "python3", {"python3", "codex.py"}, "/usr/bin/python3"},
      {"", "python3", {"python3", "/home/u/log.py", "/usr/bin/salt-minion"}, "/usr/bin/python3"},
      {"", "ruby", {"ruby", "x.rb", "puppet", "agent"}, "/usr/bin/ruby"},
      // Others of the same name, and other work of the same program.
      {"", "goose", {"goose", "postgres", "host=db", "up"}, "/usr/bin/goose"},
      {"", "copilot", {"copilot", "svc", "deploy"}, "/usr/bin/copilot"},
      {"", "amp", {"amp", "file.txt"}, "/usr/bin/amp"},
      {"", "claude-desktop", {"claude-desktop"}, "/usr/lib/claude-desktop/electron"},
      {"", "codex-helper", {"codex-helper"}, "/usr/bin/codex-helper"},
      {"", "puppet", {"/usr/bin/ruby", "/usr/bin/puppet", "apply", "x.pp"}, "/usr/bin/ruby"},
      {"", "gitlab-runner", {"gitlab-runner", "register"}, "/usr/bin/gitlab-runner"},
      {"", "buildkite-agent", {"buildkite-agent", "artifact", "upload", "x"}, "/usr/bin/buildkite-agent"},
      {"", "Runner.Listener", {"/opt/r/bin/Runner.Listener", "configure"}, "/opt/r/bin/Runner.Listener"},
      {"",
       "Runner.Worker",
       {"/opt/r/bin/Runner.Worker", "spawnclient", "1", "2"},
       "/opt/r/bin/Runner.Worker"},
      {"", "java", {"java", "-jar", "/opt/apm/agent.jar"}, "/usr/bin/java"},
      {"", "java", {"java", "-jar", "jenkins.war"}, "/usr/bin/java"},
      {"", "celery", {"/usr/bin/python3", "/v/bin/celery", "-A", "worker", "beat"}, "/usr/bin/python3"},
      {"", "celery", {"/usr/bin/python3", "/v/bin/celery", "-A", "proj", "flower"}, "/usr/bin/python3"},
      {"", "python", {"[celeryd: celery@host:ForkPoolWorker-1]"}, "/usr/bin/python3"},
      {"", "bundle", {"ruby", "/usr/bin/bundle", "exec", "rails", "s"}, "/usr/bin/ruby"},
      {"", "rq", {"/v/bin/python3", "/v/bin/rq", "info"}, "/usr/bin/python3"},
      {"", "kworker/0:1", {}, ""},
  };
  return *kCases;
}

void ExpectAgent(const Case& c) {
  FakeFacts facts = Process(c.comm, c.argv, c.exe);
  const std::optional<Match> match = Profiles().Find(facts);
  const std::string line = c.comm + ": " + testing::PrintToString(c.argv);
  EXPECT_EQ(match.has_value() ? match->agent : "", c.agent) << line;
}

TEST(ProfilesTest, FindTheirAgents) {
  std::set<std::string> seen;
  for (const Case& c : Found()) {
    ExpectAgent(c);
    seen.insert(c.agent);
  }
  for (const Rule& rule : Profiles().rules())
    EXPECT_EQ(seen.count(rule.name), 1u) << "no case for " << rule.name;
}

TEST(ProfilesTest, EveryRuleOfAProfileIsNeeded) {
  std::set<size_t> used;
  for (const Case& c : Found()) {
    FakeFacts facts = Process(c.comm, c.argv, c.exe);
    if (const std::optional<Match> match = Profiles().Find(facts)) used.insert(match->rule);
  }
  for (size_t i = 0; i < Profiles().rules().size(); ++i) {
    EXPECT_EQ(used.count(i), 1u) << "no case reaches rule " << i << " of " << Profiles().rules()[i].name;
  }
}

TEST(ProfilesTest, HaveNoFalseFriends) {
  for (const Case& c : FalseFriends()) ExpectAgent(c);
}

}  // namespace
}  // namespace agent_exporter::agents

// CI agents, configuration management and job workers as they look in /proc.

#include "tests/agents/profile_case.h"

namespace agent_exporter::agents {
namespace {

constexpr char kPython[] = "/usr/bin/python3.11";
constexpr char kRuby[] = "/usr/bin/ruby3.1";
constexpr char kJava[] = "/usr/lib/jvm/java-17/bin/java";

}  // namespace

std::vector<ProfileCase> ServiceShapes() {
  return {
      {"github-runner",
       "",
       "Runner.Listener",
       {"/opt/actions-runner/bin/Runner.Listener", "run", "--startuptype", "service"}},
      {"azure-pipelines-agent", "", "Agent.Listener", {"/opt/agent/bin/Agent.Listener", "run"}},
      {"buildkite-agent", "", "buildkite-agent", {"/usr/bin/buildkite-agent", "start"}},
      {"gitlab-runner", "", "gitlab-runner", {"gitlab-runner", "--debug", "run", "--user", "gitlab-runner"}},
      {"woodpecker-agent", "", "woodpecker-agen", {"/bin/woodpecker-agent"}},
      {"drone-runner", "", "drone-runner-do", {"/bin/drone-runner-docker", "daemon"}},
      {"act-runner", "its old name", "act_runner", {"act_runner", "daemon"}},
      {"act-runner", "its newer name", "gitea-runner", {"/usr/bin/gitea-runner", "daemon"}},
      {"act-runner",
       "release file",
       "gitea-runner-1.",
       {"/usr/local/bin/gitea-runner-1.0.3-linux-amd64", "daemon"}},
      {"act-runner", "Forgejo's", "forgejo-runner", {"forgejo-runner", "--config", "c.yml", "daemon"}},
      {"jenkins-agent",
       "",
       "java",
       {"java", "-jar", "agent.jar", "-url", "https://ci/", "-secret", "s"},
       kJava},
      {"jenkins-agent",
       "its options in a file",
       "java",
       {"java", "-jar", "/h/agent.jar", "@/h/options"},
       kJava},
      {"jenkins-agent",
       "",
       "java",
       {"/usr/bin/java", "-Xmx1g", "@/h/jvm", "-jar", "/h/remoting-3107.jar"},
       kJava},
      {"jenkins-agent",
       "by its class",
       "java",
       {"java", "-cp", "/usr/share/jenkins/agent.jar", "hudson.remoting.jnlp.Main", "-headless"},
       kJava},
      {"puppet",
       "",
       "puppet",
       {"/opt/puppetlabs/puppet/bin/ruby", "/opt/puppetlabs/puppet/bin/puppet", "agent", "-t"},
       kRuby},
      {"puppet", "SUSE's Ruby", "puppet", {"/usr/bin/ruby.ruby3.2", "/usr/bin/puppet", "agent"}},
      {"puppet", "its title", "puppet", {"puppet agent: applying configuration"}, kRuby},
      {"salt-minion", "", "salt-minion", {"/usr/bin/python3", "/usr/bin/salt-minion"}, kPython},
      {"salt-minion",
       "SUSE's bundle",
       "venv-salt-minio",
       {"/usr/lib/venv-salt-minion/bin/python.original", "/usr/bin/venv-salt-minion"}},
      {"salt-minion",
       "with its role",
       "salt-minion",
       {"/opt/saltstack/salt/bin/python3.10 /usr/bin/salt-minion MultiMinionProcessManager"}},
      {"chef-client",
       "",
       "chef-client",
       {"/opt/chef/embedded/bin/ruby", "--disable-gems", "/opt/chef/bin/chef-client", "-d"}},
      {"chef-client", "its title", "chef-client", {"chef-client worker: ppid=12;start=10:00:00;"}, kRuby},
      {"cfengine", "", "cf-execd", {"/var/cfengine/bin/cf-execd", "--no-fork"}},
      {"vigo", "", "vigo", {"/usr/local/bin/vigo", "agent"}},
      {"celery", "", "celery", {"/usr/bin/python3", "/v/bin/celery", "-A", "proj", "worker", "-l", "info"}},
      {"celery",
       "a venv below a blank",
       "celery",
       {"/h/My Projects/v/bin/python3", "/h/My Projects/v/bin/celery", "-A", "proj", "worker"}},
      {"celery", "a module", "python", {"python", "-m", "celery", "--app=proj", "worker"}},
      {"celery",
       "its title",
       "python",
       {"[celeryd: celery@host:MainProcess] -active- (-A proj worker --pidfile=/run/c.pid)"}},
      {"sidekiq", "", "ruby", {"ruby", "/usr/local/bin/sidekiq", "-C", "c.yml"}},
      {"sidekiq", "bundler", "bundle", {"/usr/bin/ruby3.1", "/usr/local/bin/bundle", "exec", "sidekiq"}},
      {"sidekiq", "its title", "bundle", {"sidekiq 7.1.2 app [0 of 5 busy] stopping"}},
      {"solid_queue", "its title", "ruby", {"solid-queue-fork-supervisor(1.1.0): supervising 12, 13"}},
      {"solid_queue", "a Rails task", "ruby", {"ruby", "/app/bin/rails", "solid_queue:start"}},
      {"rq", "", "rq", {"/v/bin/python3", "/v/bin/rq", "worker", "high"}},
      {"rq", "its title", "rq", {"rq:worker:f3a1: Listening on high, default..."}},
  };
}

}  // namespace agent_exporter::agents

// A process that looks like Claude Code from outside, and the folder of its transcripts.

#ifndef AGENT_EXPORTER_TESTS_SESSIONS_FAKE_CLAUDE_H_
#define AGENT_EXPORTER_TESTS_SESSIONS_FAKE_CLAUDE_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "agents/observation.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {

class FakeClaude {
 public:
  // Runs in <tree>/work with argv[0] `name`; <tree>/home is its owner's home.
  explicit FakeClaude(const kernel::FakeTree& tree, const std::string& name = "claude") : tree_(tree) {
    tree.MakeDirectory("work");
    tree.MakeDirectory("bin");
    const std::string program = tree.root() + "/bin/" + name;
    std::error_code ignored;
    std::filesystem::create_symlink("/bin/sleep", program, ignored);
    int executed[2];  // closed by exec
    if (::pipe2(executed, O_CLOEXEC) != 0) abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::chdir((tree.root() + "/work").c_str()) != 0) ::_exit(1);
      // Not the tester's own files.
      ::setenv("HOME", (tree.root() + "/home").c_str(), 1);
      ::unsetenv("CLAUDE_CONFIG_DIR");
      ::execl(program.c_str(), name.c_str(), "100000", nullptr);
      ::_exit(127);
    }
    ::close(executed[1]);
    char byte;
    if (::read(executed[0], &byte, 1) != 0) abort();
    ::close(executed[0]);
  }
  ~FakeClaude() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  FakeClaude(const FakeClaude&) = delete;
  FakeClaude& operator=(const FakeClaude&) = delete;

  std::string home() const { return tree_.root() + "/home"; }
  // The folder of its transcripts, in the tree.
  std::string folder() const {
    std::string folder = std::filesystem::canonical(tree_.root() + "/work").string();
    for (char& c : folder) {
      if (c == '/' || c == '.' || c == '_') c = '-';
    }
    return "home/.claude/projects/" + folder;
  }

  agents::AgentSample Agent(const std::string& name = "claude") const {
    agents::ProcessSample process;
    process.key = {pid_, StartTicks()};
    process.comm = Text("comm");
    process.comm.pop_back();
    process.role = agents::Role::kRoot;
    process.state = 'S';
    agents::AgentSample agent;
    agent.name = name;
    agent.processes.push_back(process);
    return agent;
  }

 private:
  std::string Text(const std::string& file) const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/" + file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  uint64_t StartTicks() const {
    const std::string stat = Text("stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string field;
    for (int i = 3; i <= 22; ++i) fields >> field;
    return std::stoull(field);
  }

  const kernel::FakeTree& tree_;
  pid_t pid_ = -1;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_TESTS_SESSIONS_FAKE_CLAUDE_H_

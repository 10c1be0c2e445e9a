// The profiles against real processes of this host: the kernel decides what comm and argv are, not a literal.

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "agents/rules.h"

namespace agent_exporter::agents {
namespace {

std::string FirstLine(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  std::string line;
  std::getline(file, line);
  return line;
}

class RealProcessTest : public testing::Test {
 protected:
  RealProcessTest() : dir_(testing::TempDir() + "profiles." + std::to_string(getpid())) {
    std::filesystem::create_directories(dir_);
  }
  ~RealProcessTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(dir_);
  }

  std::string Script(const std::string& name, const std::string& text) {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), 0755);
    return path;
  }

  // Starts `argv` and waits until the kernel calls the process `comm`: it takes its name some way into
  // execve.
  void Start(std::vector<std::string> argv, const std::string& comm) {
    std::vector<char*> words;
    for (std::string& word : argv) words.push_back(word.data());
    words.push_back(nullptr);
    char* const no_environment[] = {nullptr};
    ASSERT_EQ(posix_spawn(&pid_, words[0], nullptr, nullptr, words.data(), no_environment), 0);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (FirstLine(pid_, "comm") != comm || FirstLine(pid_, "cmdline").empty()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "comm is " << FirstLine(pid_, "comm");
      std::this_thread::yield();
    }
  }

  std::string Agent() {
    absl::StatusOr<RuleSet> rules = RuleSet::Make(BuiltInRules());
    if (!rules.ok()) return rules.status().ToString();
    const kernel::RootedReader proc("/proc");
    kernel::ProcessFiles files(proc);
    kernel::Unreadable unreadable;
    LazyProcessFacts facts({pid_, 0}, FirstLine(pid_, "comm"), files, unreadable);
    const std::optional<Match> match = rules->Find(facts);
    return match.has_value() ? match->agent : "";
  }

  std::string dir_;
  pid_t pid_ = 0;
};

TEST_F(RealProcessTest, ANativeProgramIsItsAgent) {
  std::filesystem::copy_file("/bin/sleep", dir_ + "/codex");
  Start({dir_ + "/codex", "300"}, "codex");
  EXPECT_EQ(Agent(), "codex");
}

TEST_F(RealProcessTest, AShellScriptOfTheSameNameIsNot) {
  // The builtin read waits on the terminal's place, which here is a FIFO that nobody writes.
  const std::string fifo = dir_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Start({Script("codex", "#!/bin/sh\nread line <> " + fifo + "\n")}, "codex");
  EXPECT_EQ(Agent(), "");
}

TEST_F(RealProcessTest, APythonScriptIsKnownByItsPath) {
  if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  Start({Script("aider", "#!/usr/bin/python3 -u\nimport signal\nsignal.pause()\n"), "--model", "x"}, "aider");
  EXPECT_EQ(Agent(), "aider");
}

}  // namespace
}  // namespace agent_exporter::agents

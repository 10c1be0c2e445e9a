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
    End();
    std::filesystem::remove_all(dir_);
  }

  void End() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
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
  std::filesystem::copy_file("/bin/sleep", dir_ + "/claude");
  Start({dir_ + "/claude", "300"}, "claude");
  EXPECT_EQ(Agent(), "claude");
}

TEST_F(RealProcessTest, ABlankAboveItDoesNotHideIt) {
  std::filesystem::create_directory(dir_ + "/My Apps");
  std::filesystem::copy_file("/bin/sleep", dir_ + "/My Apps/claude");
  Start({dir_ + "/My Apps/claude", "300"}, "claude");
  EXPECT_EQ(Agent(), "claude");
}

TEST_F(RealProcessTest, AShellScriptOfTheSameNameIsNot) {
  // The builtin read waits on the terminal's place, which here is a FIFO that nobody writes.
  const std::string fifo = dir_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Start({Script("codex", "#!/bin/sh\nread line <> " + fifo + "\n")}, "codex");
  EXPECT_EQ(Agent(), "");
}

TEST_F(RealProcessTest, APythonCommandIsKnownByItsPath) {
  if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  std::filesystem::create_directory(dir_ + "/bin");
  Start({Script("bin/aider", "#!/usr/bin/python3 -u\nimport signal\nsignal.pause()\n"), "--model", "x"},
        "aider");
  EXPECT_EQ(Agent(), "aider");
}

// npm puts a link into bin/; the package it leads to says whose command it is.
TEST_F(RealProcessTest, ALinkedScriptIsItsPackages) {
  const std::string node = dir_ + "/node";  // a shell, which is as good an interpreter here
  std::filesystem::copy_file("/bin/sh", node);
  const std::string fifo = dir_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const auto& [package, agent] : {std::pair("@google/gemini-cli", "gemini"), std::pair("other", "")}) {
    const std::string at = std::string("lib/node_modules/") + package;
    std::filesystem::create_directories(dir_ + "/" + at);
    std::filesystem::create_directories(dir_ + "/bin");
    std::filesystem::remove(dir_ + "/bin/gemini");
    Script(at + "/cli.js", "read line <> " + fifo + "\n");
    std::filesystem::create_symlink("../" + at + "/cli.js", dir_ + "/bin/gemini");
    Start({node, dir_ + "/bin/gemini"}, "node");
    EXPECT_EQ(Agent(), agent) << package;
    End();
  }
}

}  // namespace
}  // namespace agent_exporter::agents

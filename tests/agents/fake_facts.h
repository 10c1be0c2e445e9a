// A process made of literals, for rules and hostile text.

#ifndef AGENT_EXPORTER_TESTS_AGENTS_FAKE_FACTS_H_
#define AGENT_EXPORTER_TESTS_AGENTS_FAKE_FACTS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/process_facts.h"

namespace agent_exporter::agents {

struct FakeFacts : ProcessFacts {
  pid_t pid_value = 4711;
  std::string comm_value;
  std::vector<std::string> argv_value;
  std::string exe_value;
  std::string cwd_value;
  std::string cgroup_value;
  std::optional<uid_t> uid_value;
  std::vector<std::string> environment_value;
  std::map<std::string, std::string> links;  // symlinks and where they lead
  kernel::CommandLine command_line_value;
  bool cut = false;  // argv goes on, and nobody can read how
  int exe_reads = 0, link_reads = 0;
  bool complete_value = true;

  pid_t pid() override { return pid_value; }
  bool complete() override { return complete_value; }
  const std::string& comm() override { return comm_value; }
  const std::vector<std::string>& argv() override { return argv_value; }
  const std::string& exe() override {
    ++exe_reads;
    return exe_value;
  }
  const std::string& cwd() override { return cwd_value; }
  const std::string& cgroup() override { return cgroup_value; }
  std::optional<uid_t> uid() override { return uid_value; }
  const kernel::CommandLine& command_line() override {
    command_line_value = {.words = argv_value, .whole = !cut};
    return command_line_value;
  }
  const std::vector<std::string>& environment() override { return environment_value; }
  std::string FollowLinks(const std::string& path) override {
    ++link_reads;
    const auto found = links.find(path);
    return found == links.end() ? path : found->second;
  }
};

inline FakeFacts Process(std::string comm, std::vector<std::string> argv = {}, std::string exe = "") {
  FakeFacts facts;
  facts.comm_value = std::move(comm);
  facts.argv_value = std::move(argv);
  facts.exe_value = std::move(exe);
  return facts;
}

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_TESTS_AGENTS_FAKE_FACTS_H_

// A process made of literals, for rules and hostile text.

#ifndef AGENT_EXPORTER_TESTS_AGENTS_FAKE_FACTS_H_
#define AGENT_EXPORTER_TESTS_AGENTS_FAKE_FACTS_H_

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
  int exe_reads = 0;
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

// The facts about a process from its exec event (kernel/process_events.h) and, while it lives, from /proc. So
// an agent that ended before the first sample is still recognised by its program and arguments. Facts that
// only /proc has (cwd, cgroup, unit) are then unknown, and conditions on them fail.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_AGENTS_PROGRAM_FACTS_H_
#define AGENT_EXPORTER_AGENTS_PROGRAM_FACTS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/process_facts.h"
#include "kernel/process_events.h"

namespace agent_exporter::agents {

class ProgramFacts : public ProcessFacts {
 public:
  // `live` reads /proc. `is_there` says whether the pid still belongs to the process that ran execve; it is
  // called at most once, before the first read.
  ProgramFacts(std::shared_ptr<const kernel::Program> program, std::unique_ptr<ProcessFacts> live,
               std::function<bool()> is_there)
      : program_(std::move(program)), live_(std::move(live)), is_there_(std::move(is_there)) {}

  pid_t pid() override { return live_->pid(); }
  bool complete() override { return live_->complete(); }
  const std::string& comm() override { return live_->comm(); }
  const std::vector<std::string>& argv() override;
  const kernel::CommandLine& command_line() override;
  const std::string& exe() override;
  const std::string& cwd() override;
  const std::string& cgroup() override;
  std::optional<uid_t> uid() override { return program_->uid; }
  const std::vector<std::string>& environment() override;
  std::string FollowLinks(const std::string& path) override;

 private:
  bool IsThere();

  const std::shared_ptr<const kernel::Program> program_;
  const std::unique_ptr<ProcessFacts> live_;
  const std::function<bool()> is_there_;
  std::optional<bool> there_;
  std::optional<kernel::CommandLine> command_line_;  // from the event
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_PROGRAM_FACTS_H_

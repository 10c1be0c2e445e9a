#include "agents/program_facts.h"

namespace agent_exporter::agents {
namespace {

const std::string& Nothing() {
  static const auto* const kNothing = new std::string;
  return *kNothing;
}

}  // namespace

bool ProgramFacts::IsThere() {
  if (!there_) there_ = is_there_();
  return *there_;
}

const std::vector<std::string>& ProgramFacts::argv() {
  if (!program_->argv_cut || !IsThere()) return program_->argv;
  const std::vector<std::string>& whole = live_->argv();
  return whole.empty() ? program_->argv : whole;
}

const kernel::CommandLine& ProgramFacts::command_line() {
  if (program_->argv_cut && IsThere()) {
    const kernel::CommandLine& whole = live_->command_line();
    if (!whole.words.empty()) return whole;
  }
  if (!command_line_) command_line_ = kernel::CommandLine{program_->argv, !program_->argv_cut};
  return *command_line_;
}

// The kernel's exe link is the file itself, while the path of the execve may be a symlink to it.
const std::string& ProgramFacts::exe() {
  if (!IsThere()) return program_->path;
  const std::string& exe = live_->exe();
  return exe.empty() ? program_->path : exe;
}

const std::string& ProgramFacts::cwd() { return IsThere() ? live_->cwd() : Nothing(); }

const std::vector<std::string>& ProgramFacts::environment() {
  static const auto* const kNone = new std::vector<std::string>;
  return IsThere() ? live_->environment() : *kNone;
}

std::string ProgramFacts::FollowLinks(const std::string& path) {
  return IsThere() ? live_->FollowLinks(path) : path;
}

const std::string& ProgramFacts::cgroup() { return IsThere() ? live_->cgroup() : Nothing(); }

}  // namespace agent_exporter::agents

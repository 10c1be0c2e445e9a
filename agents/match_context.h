// One process during matching: its facts, and values derived from them that several rules need, each computed
// once.
//
// Ownership: borrows the facts and the user names; lives as long as one Find or Explain.
// Thread safety: none.

#ifndef AGENT_EXPORTER_AGENTS_MATCH_CONTEXT_H_
#define AGENT_EXPORTER_AGENTS_MATCH_CONTEXT_H_

#include <optional>
#include <string>

#include "agents/process_facts.h"
#include "base/user_names.h"

namespace agent_exporter::agents {

class MatchContext {
 public:
  MatchContext(ProcessFacts& facts, base::UserNames& users) : facts_(facts), users_(users) {}

  ProcessFacts& facts() { return facts_; }

  // argv joined by single spaces, without empty words at the end: a program that writes its title over argv
  // fills the rest with NULs.
  const std::string& Cmdline();

  // The script according to argv[0] alone. This needs no read of exe, and nearly every interpreter is run
  // under its own name.
  const std::string& ScriptByArgv0();
  // The script according to argv[0] or exe.
  const std::string& Script();
  // The target of the script's symlinks: npm's bin/gemini is a link into the package. A file with a script's
  // extension is not a command, so its links are not followed. "" if there is no script, or it is unknown.
  const std::string& ScriptTarget();

  // The arguments of the program, or of the script if it runs one. Each word ends with a newline; newlines
  // within a word become blanks.
  const std::string& Arguments();

  // The package of the script, else of exe or argv[0]; "" if there is none.
  const std::string& Package();
  // The package that it runs as a package runner (npx, uvx, …), or "".
  const std::string& RunnerPackage();

  const std::string& Unit();

  // "" if the uid could not be read.
  std::string UserName();

 private:
  ProcessFacts& facts_;
  base::UserNames& users_;
  std::optional<std::string> cmdline_;
  const ScriptCall& CallByArgv0();
  const ScriptCall& Call();

  std::optional<ScriptCall> call_by_argv0_;
  std::optional<ScriptCall> call_;
  std::optional<std::string> script_target_;
  std::optional<std::string> arguments_;
  std::optional<std::string> package_;
  std::optional<std::string> runner_package_;
  std::optional<std::string> unit_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_MATCH_CONTEXT_H_

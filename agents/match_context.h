// One process while the rules are tried on it: its facts, and what several rules derive from them, each made
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

  // argv joined by single spaces. Empty words at its end are left out: a program that writes its title over
  // argv leaves the rest of that memory as NULs.
  const std::string& Cmdline();

  // The script by argv[0] alone: costs no read of exe, and nearly every interpreter is called by its name.
  const std::string& ScriptByArgv0();
  // The script by argv[0] or exe.
  const std::string& Script();
  // Where the script leads when its symlinks are followed: npm's bin/gemini is a link into the package. A
  // file with a script's extension is no command, and taken as it is. "" where there is no script, or it
  // cannot be told.
  const std::string& ScriptTarget();

  // What follows the program, or the script where it runs one: one word a line, ended by a newline each.
  // Newlines within a word are blanks.
  const std::string& Arguments();

  // The package of the script, else of exe or argv[0]; "" where there is none.
  const std::string& Package();
  // What it runs as a package runner (npx, uvx, …), or "".
  const std::string& RunnerPackage();

  const std::string& Unit();

  // "" where the uid could not be read.
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

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

  // ScriptPath by argv[0] alone: costs no read of exe, and nearly every interpreter is called by its name.
  const std::string& ScriptByArgv0();
  // ScriptPath by argv[0] or exe.
  const std::string& Script();

  const std::string& Unit();

  // "" where the uid could not be read.
  std::string UserName();

 private:
  ProcessFacts& facts_;
  base::UserNames& users_;
  std::optional<std::string> cmdline_;
  std::optional<std::string> script_by_argv0_;
  std::optional<std::string> script_;
  std::optional<std::string> unit_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_MATCH_CONTEXT_H_

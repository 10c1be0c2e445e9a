// The conditions on what a process runs: its program, script, package, arguments and environment.
// agents/rule_conditions.h has the other conditions.

#ifndef AGENT_EXPORTER_AGENTS_PROGRAM_CONDITIONS_H_
#define AGENT_EXPORTER_AGENTS_PROGRAM_CONDITIONS_H_

#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agents/rule_conditions.h"

namespace agent_exporter::agents {

std::unique_ptr<Condition> Argv0Condition(const std::vector<std::string>& words);
std::unique_ptr<Condition> ExeCondition(const std::vector<std::string>& words);
std::unique_ptr<Condition> ScriptCondition(const std::vector<std::string>& words);
std::unique_ptr<Condition> PackageCondition(const std::vector<std::string>& words);
std::unique_ptr<Condition> EnvironCondition(const std::vector<std::string>& words);
std::unique_ptr<Condition> ArgsCondition(std::shared_ptr<const re2::RE2> expression);
std::unique_ptr<Condition> CmdlineCondition(std::shared_ptr<const re2::RE2> expression);

// `codex` or `one of codex, codex.js`.
std::string OneOf(const std::vector<std::string>& words);
// `comm is "bash"`, or `without` if there is no value.
std::string SawText(std::string_view what, std::string_view value, std::string_view without);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_PROGRAM_CONDITIONS_H_

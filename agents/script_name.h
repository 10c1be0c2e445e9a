// Which script an interpreter runs: for `node …/bin/gemini` the process that matters is called gemini, and
// only argv says so.
//
// The options of node, bun, deno, python, ruby, perl, php, java and the shells that take a value of their own
// are known, so that the X of `node --require X script.js` is not taken for the script.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_
#define AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/path_pattern.h"  // IWYU pragma: export

namespace agent_exporter::agents {

// How an interpreter reads its command line.
struct ScriptCall {
  std::string script;  // as argv spells it; "": there is none (-c, -e, standard input), or no interpreter
  size_t first_argument = 1;  // index in argv of what follows the script; of what follows argv[0] without one
};

// {"node", "--require", "x", "/usr/bin/gemini", "-p"} gives "/usr/bin/gemini" and 4; {"python3", "-m",
// "aider.main"} gives "aider", the module's first part; {"java", "-cp", "x", "a.Main"} and {"java", "-jar",
// "b.jar"} give the class and the jar. The interpreter is known by the basename of argv[0], else of `exe`.
ScriptCall FindScript(const std::vector<std::string>& argv, std::string_view exe);

// FindScript's script alone.
std::string ScriptPath(const std::vector<std::string>& argv, std::string_view exe);

// The basename of ScriptPath:
// {"node", "--max-old-space-size=4096", "/usr/lib/node_modules/x/bin/gemini.js"} gives "gemini.js" and
// {"python3", "-u", "/usr/bin/aider"} gives "aider"; {"python3", "-m", "aider.main"} gives "aider";
// {"node", "-e", "…"} and {"sh", "-c", "…"} give "": there is no script. The interpreter is known by the
// basename of argv[0] or of exe (node, bun, deno, python3.11, ruby, perl, sh, bash, …).
std::string ScriptName(const std::vector<std::string>& argv, std::string_view exe);

// Whether the basename of `path` is an interpreter's: node, python3.11, bash, java, …
bool IsInterpreter(std::string_view path);

// `path` without the extension that script files have (.js .mjs .cjs .ts .mts .cts .py .pyc .rb .sh .pl
// .php).
std::string_view StripScriptExtension(std::string_view path);

// Whether `word` is one of the words of `list`, which a blank separates.
bool ListHas(std::string_view list, std::string_view word);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_

// Finds the script that an interpreter runs. For `node …/bin/gemini` users know the process as gemini, and
// only argv has that name.
//
// It knows which options of node, bun, deno, python, ruby, perl, php, java and the shells take a value, so
// that the X of `node --require X script.js` is not mistaken for the script.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_
#define AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/path_pattern.h"  // IWYU pragma: export

namespace agent_exporter::agents {

// The parts of an interpreter's command line.
struct ScriptCall {
  std::string script;  // as in argv; "": no script (-c, -e, standard input), or not an interpreter
  size_t first_argument =
      1;  // index in argv of the word after the script, or after argv[0] if there is no script
};

// {"node", "--require", "x", "/usr/bin/gemini", "-p"} gives "/usr/bin/gemini" and 4; {"python3", "-m",
// "aider.main"} gives "aider", the module's first component; {"java", "-cp", "x", "a.Main"} and {"java",
// "-jar", "b.jar"} give the class and the jar. The interpreter is recognised by the basename of argv[0], else
// of `exe`.
ScriptCall FindScript(const std::vector<std::string>& argv, std::string_view exe);

// Only FindScript's script.
std::string ScriptPath(const std::vector<std::string>& argv, std::string_view exe);

// The basename of ScriptPath:
// {"node", "--max-old-space-size=4096", "/usr/lib/node_modules/x/bin/gemini.js"} gives "gemini.js" and
// {"python3", "-u", "/usr/bin/aider"} gives "aider"; {"python3", "-m", "aider.main"} gives "aider";
// {"node", "-e", "…"} and {"sh", "-c", "…"} give "": there is no script. The interpreter is known by the
// basename of argv[0] or of exe (node, bun, deno, python3.11, ruby, perl, sh, bash, …).
std::string ScriptName(const std::vector<std::string>& argv, std::string_view exe);

// Whether the basename of `path` is that of an interpreter: node, python3.11, bash, java, …
bool IsInterpreter(std::string_view path);

// `path` without the extension of script files (.js .mjs .cjs .ts .mts .cts .py .pyc .rb .sh .pl .php).
std::string_view StripScriptExtension(std::string_view path);

// Whether `word` is in `list`, whose words are separated by blanks.
bool ListHas(std::string_view list, std::string_view word);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_

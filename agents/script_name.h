// Which script an interpreter runs: for `node …/bin/gemini` the process that matters is called gemini, and
// only argv says so.
//
// The options of node, bun, deno, python, ruby, perl, php and the shells that take a value of their own are
// known, so that the X of `node --require X script.js` is not taken for the script.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_
#define AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::agents {

// The script as argv spells it, or "" where argv is no interpreter's or there is no script (-c, -e, standard
// input):
// {"node", "--require", "x", "/usr/bin/gemini"} gives "/usr/bin/gemini"; {"python3", "-m", "aider.main"}
// gives "aider", the module's first part. The interpreter is known by the basename of argv[0], else of `exe`.
std::string ScriptPath(const std::vector<std::string>& argv, std::string_view exe);

// The basename of ScriptPath:
// {"node", "--max-old-space-size=4096", "/usr/lib/node_modules/x/bin/gemini.js"} gives "gemini.js" and
// {"python3", "-u", "/usr/bin/aider"} gives "aider"; {"python3", "-m", "aider.main"} gives "aider";
// {"node", "-e", "…"} and {"sh", "-c", "…"} give "": there is no script. The interpreter is known by the
// basename of argv[0] or of exe (node, bun, deno, python3.11, ruby, perl, sh, bash, …).
std::string ScriptName(const std::vector<std::string>& argv, std::string_view exe);

// What follows the last slash; all of `path` where there is none.
std::string_view Basename(std::string_view path);

// True when `tail` is the last part or parts of `path`: "b/c" of "/a/b/c", but not of "/a/xb/c". An absolute
// `tail` must be the whole path.
bool EndsWithPath(std::string_view path, std::string_view tail);

// `path` without the extension that script files have (.js .mjs .cjs .ts .mts .cts .py .pyc .rb .sh .pl
// .php).
std::string_view StripScriptExtension(std::string_view path);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_SCRIPT_NAME_H_

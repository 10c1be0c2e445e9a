// What a process is called in figures by command: the package that a runner runs, the script that an
// interpreter runs, else the program. `npm exec @scope/mcp-postgres`, `node …/mcp-server.cjs`,
// `python -m conport` and `/opt/chrome/chrome --type=renderer` are "@scope/mcp-postgres", "mcp-server.cjs",
// "conport" and "chrome".
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_AGENTS_COMMAND_NAME_H_
#define AGENT_EXPORTER_AGENTS_COMMAND_NAME_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::agents {

// Whether `comm` alone does not say it: an interpreter or a package runner, a name that the kernel cut, or
// one that a runtime gives to its main thread.
bool NeedsCommandLine(std::string_view comm);

// A valid label value of at most 64 bytes. `argv` may be empty (not known, a kernel thread): then it is
// `comm`. `exe` may be "".
std::string CommandName(const std::vector<std::string>& argv, std::string_view exe, std::string_view comm);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_COMMAND_NAME_H_

// The name of a process in the figures by command: the package that a runner runs, the script that an
// interpreter runs, otherwise the program. `npm exec @scope/mcp-postgres`, `node …/mcp-server.cjs`, `python
// -m conport` and `/opt/chrome/chrome --type=renderer` are "@scope/mcp-postgres", "mcp-server.cjs", "conport"
// and "chrome".
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_AGENTS_COMMAND_NAME_H_
#define AGENT_EXPORTER_AGENTS_COMMAND_NAME_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::agents {

// Whether `comm` is not enough to name the command: it is an interpreter or a package runner, a name that the
// kernel truncated, or one that a runtime gives to its main thread.
bool NeedsCommandLine(std::string_view comm);

// A valid label value of at most 64 bytes. If `argv` is empty (unknown, or a kernel thread), the name is
// `comm`. `exe` may be "".
std::string CommandName(const std::vector<std::string>& argv, std::string_view exe, std::string_view comm);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_COMMAND_NAME_H_

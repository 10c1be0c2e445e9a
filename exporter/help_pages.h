// The man page and the shell completions, made from what --help prints, which comes from the table of
// options. The build runs help_pages_main.cc, which writes them.
//
// Thread safety: values and free functions without state.

#ifndef AGENT_EXPORTER_EXPORTER_HELP_PAGES_H_
#define AGENT_EXPORTER_EXPORTER_HELP_PAGES_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::exporter {

struct HelpEntry {
  std::string term;     // "--json", "-h, --help", "explain PID-OR-NAME"
  std::string meaning;  // one line
};

// What --help of the program, or of one command, says.
struct Help {
  std::string usage;        // "agent_exporter status [FLAGS]"
  std::string description;  // one line
  std::vector<HelpEntry> commands, flags, collectors;
};

struct CommandHelp {
  std::string name;  // "status", "event rate-limit"
  Help help;
};

struct ProgramHelp {
  std::string version;
  Help program;
  std::vector<CommandHelp> commands;
};

Help ParseHelp(std::string_view text);

// Asks the program's own command line.
ProgramHelp ReadProgramHelp();

std::string ManPage(const ProgramHelp& help);
std::string BashCompletion(const ProgramHelp& help);
std::string ZshCompletion(const ProgramHelp& help);
std::string FishCompletion(const ProgramHelp& help);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_HELP_PAGES_H_

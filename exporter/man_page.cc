#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "exporter/help_pages.h"

namespace agent_exporter::exporter {
namespace {

// Text for troff: no character of it is a command, and a hyphen is one that can be copied.
std::string Roff(std::string_view text) {
  const std::string escaped =
      absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"\\", "\\e"}, {"-", "\\-"}});
  return escaped.starts_with('.') || escaped.starts_with('\'') ? absl::StrCat("\\&", escaped) : escaped;
}

std::string Listing(const std::vector<HelpEntry>& entries) {
  std::string text;
  for (const HelpEntry& entry : entries)
    absl::StrAppend(&text, ".TP\n.B ", Roff(entry.term), "\n", Roff(entry.meaning), "\n");
  return text;
}

}  // namespace

std::string ManPage(const ProgramHelp& help) {
  std::string page =
      absl::StrCat(".TH AGENT_EXPORTER 1 \"\" \"agent_exporter ", help.version, "\" \"User Commands\"\n",
                   ".SH NAME\nagent_exporter \\- Prometheus exporter that watches long\\-running agents\n",
                   ".SH SYNOPSIS\n.B agent_exporter\n[COMMAND] [FLAGS]\n", ".SH DESCRIPTION\n",
                   Roff(help.program.description), "\n.SH COMMANDS\n", Listing(help.program.commands),
                   ".SH FLAGS\n.PP\nThey work with every command.\n", Listing(help.program.flags),
                   ".PP\nEvery flag has an environment variable: for \\-\\-web.listen\\-address it is\n"
                   "AGENT_EXPORTER_WEB_LISTEN_ADDRESS. A flag on the command line overrides it.\n");
  for (const CommandHelp& command : help.commands) {
    if (command.help.flags.empty()) continue;
    absl::StrAppend(&page, ".SH ", Roff(command.name), "\n.PP\n.B ", Roff(command.help.usage), "\n.PP\n",
                    Roff(command.help.description), "\n", Listing(command.help.flags));
  }
  absl::StrAppend(
      &page,
      ".SH COLLECTORS\n.PP\nEnabled by \\-\\-collector.NAME and disabled by \\-\\-no\\-collector.NAME:\n",
      Listing(help.program.collectors));
  absl::StrAppend(&page, ".SH EXIT STATUS\n0 success, 1 failure, 2 bad command line or configuration.\n",
                  ".SH FILES\n.TP\n.I /etc/default/agent_exporter\nARGS, the flags of the systemd service\n",
                  ".TP\n.I /var/lib/agent_exporter\nthe service's token, ledger and state\n",
                  ".SH SEE ALSO\n.BR prometheus (1)\n");
  return page;
}

}  // namespace agent_exporter::exporter

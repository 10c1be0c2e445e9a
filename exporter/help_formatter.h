// What --help prints, laid out for a person: commands, then flags, then collectors, within 100 columns.
// CLI11's own formatter repeats types and environment names in every line.
//
// Thread safety: const methods only.

#ifndef AGENT_EXPORTER_EXPORTER_HELP_FORMATTER_H_
#define AGENT_EXPORTER_EXPORTER_HELP_FORMATTER_H_

#include <CLI/CLI.hpp>
#include <string>

namespace agent_exporter::exporter {

// The group of flags that are shown as one list of collectors, from their table, and not one by one.
inline constexpr char kCollectorGroup[] = "Collectors";
// Of flags that only tests use; the help leaves them out.
inline constexpr char kTestGroup[] = "Tests";

// Set it before subcommands are added: they take it over.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// AGENT_EXPORTER_WEB_LISTEN_ADDRESS for web.listen-address.
std::string EnvironmentName(std::string_view flag);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_HELP_FORMATTER_H_

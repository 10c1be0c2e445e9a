// The layout of --help: commands, then flags, then collectors, within 100 columns. CLI11's own formatter
// repeats types and environment names in every line.
//
// Thread safety: const methods only.

#ifndef AGENT_EXPORTER_EXPORTER_HELP_FORMATTER_H_
#define AGENT_EXPORTER_EXPORTER_HELP_FORMATTER_H_

#include <CLI/CLI.hpp>
#include <string>

namespace agent_exporter::exporter {

// The group of the collectors' flags. The help lists collectors by name instead of showing these flags.
inline constexpr char kCollectorGroup[] = "Collectors";

// Set it before adding subcommands, so that they inherit it.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// AGENT_EXPORTER_WEB_LISTEN_ADDRESS for web.listen-address.
std::string EnvironmentName(std::string_view flag);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_HELP_FORMATTER_H_

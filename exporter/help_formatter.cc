#include "exporter/help_formatter.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "collectors/collector.h"

namespace agent_exporter::exporter {
namespace {

constexpr size_t kColumns = 100;

// A term and its meaning. Long meanings wrap in their own column.
using Entry = std::pair<std::string, std::string>;

std::string Listing(const std::vector<Entry>& entries) {
  size_t width = 0;
  for (const auto& [term, meaning] : entries) width = std::max(width, term.size());
  const size_t indent = width + 4;
  std::string text;
  for (const auto& [term, meaning] : entries) {
    absl::StrAppend(&text, "  ", term, std::string(width - term.size(), ' '));
    size_t column = width + 2;
    for (const absl::string_view word : absl::StrSplit(meaning, ' ')) {
      const bool wrap = column > indent && column + 1 + word.size() > kColumns;
      if (wrap) absl::StrAppend(&text, "\n", std::string(indent, ' '));
      const bool first = column < indent;
      absl::StrAppend(&text, wrap ? "" : first ? "  " : " ", word);
      column = (wrap ? indent : column + (first ? 2 : 1)) + word.size();
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

// "--web.listen-address", or "PID" for a positional.
std::string Term(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::string term;
  for (const std::string& name : option.get_snames()) absl::StrAppend(&term, "-", name, ", ");
  return absl::StrCat(term, "--", option.get_lnames().front());
}

std::string Meaning(const CLI::Option& option) {
  const std::string value = option.get_default_str();
  return absl::StrCat(option.get_description(),
                      value.empty() || option.get_positional() ? "" : absl::StrCat(" (default ", value, ")"));
}

std::string Positionals(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) absl::StrAppend(&text, " ", option->get_name(true));
  }
  return text;
}

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// "agent_exporter event rate-limit".
std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : absl::StrCat(FullName(*app.get_parent()), " ", app.get_name());
}

// Adds the commands of `app`. A command that only groups others is replaced by them.
void AddCommands(const CLI::App& app, const std::string& prefix, std::vector<Entry>* entries) {
  for (const CLI::App* command : Commands(app)) {
    const std::string name = prefix + command->get_name();
    if (command->get_require_subcommand_min() > 0) {
      AddCommands(*command, name + " ", entries);
    } else {
      entries->emplace_back(name + Positionals(*command), command->get_description());
    }
  }
}

std::string CollectorList() {
  std::vector<Entry> entries;
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    entries.emplace_back(
        std::string(row.name),
        absl::StrCat(std::string(row.help), row.enabled_by_default ? "" : " (off by default)"));
  }
  return Listing(entries);
}

}  // namespace

std::string EnvironmentName(std::string_view flag) {
  std::string name = "AGENT_EXPORTER_";
  for (const char c : flag) {
    name += c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string /*name*/,
                                     CLI::AppFormatMode /*mode*/) const {
  const CLI::App* program = app;
  while (program->get_parent() != nullptr) program = program->get_parent();
  std::vector<Entry> flags, commands;
  for (const CLI::Option* option : app->get_options()) {
    const bool shown = option->get_group() != kCollectorGroup;
    if (shown) flags.emplace_back(Term(*option), Meaning(*option));
  }
  // CLI11 puts --help and --version first; list them last.
  const auto own = std::stable_partition(flags.begin(), flags.end(), [](const Entry& flag) {
    return flag.first != "-h, --help" && flag.first != "--version";
  });
  if (program != app) {
    flags.erase(own, flags.end());
    AddCommands(*app, "", &commands);
    return absl::StrCat("Usage: ", FullName(*app), commands.empty() ? "" : " COMMAND", Positionals(*app),
                        " [FLAGS]", app->get_footer(), "\n\n", app->get_description(), ".\n",
                        commands.empty() ? "" : "\nCommands:\n", Listing(commands), flags.empty() ? "" : "\n",
                        Listing(flags), "\nThe flags of ", program->get_name(), " work here too; see ",
                        program->get_name(), " --help.\n");
  }

  AddCommands(*app, "", &commands);
  return absl::StrCat("Usage: ", app->get_name(), " [COMMAND] [FLAGS]\n\n", app->get_description(),
                      "\n\nCommands:\n", Listing(commands), "\nFlags:\n", Listing(flags),
                      "\nCollectors, enabled by --collector.<name> and disabled by --no-collector.<name>:\n",
                      CollectorList(),
                      "\nEvery flag has an environment variable: for --web.listen-address it is\n",
                      EnvironmentName("web.listen-address"), ". A flag on the command line overrides it.\n");
}

}  // namespace agent_exporter::exporter

#include "exporter/help_pages.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/build_info.h"
#include "exporter/options.h"

namespace agent_exporter::exporter {
namespace {

// "  --json  Print JSON instead": two spaces, the term, at least two spaces, the meaning.
bool ParseEntry(std::string_view line, HelpEntry* entry) {
  if (!line.starts_with("  ") || line.starts_with("   ")) return false;
  const size_t gap = line.find("  ", 2);
  if (gap == std::string_view::npos) return false;
  entry->term = line.substr(2, gap - 2);
  entry->meaning = line.substr(line.find_first_not_of(' ', gap));
  return true;
}

std::string HelpText(const std::vector<std::string>& words) {
  std::vector<const char*> arguments = {"agent_exporter"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  arguments.push_back("--help");
  const auto parsed = ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  const auto* early = std::get_if<EarlyExit>(&parsed);
  return early == nullptr ? "" : early->out;
}

// "explain PID-OR-NAME" -> "explain"; the words of a command begin with a lower-case letter.
std::string CommandName(const std::string& term) {
  std::string name;
  for (const absl::string_view word : absl::StrSplit(term, ' ')) {
    if (word.empty() || !absl::ascii_islower(static_cast<unsigned char>(word[0]))) break;
    absl::StrAppend(&name, name.empty() ? "" : " ", word);
  }
  return name;
}

}  // namespace

Help ParseHelp(std::string_view text) {
  Help help;
  std::vector<HelpEntry>* section = &help.flags;
  HelpEntry* last = nullptr;
  for (const absl::string_view piece : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const std::string_view line(piece.data(), piece.size());
    HelpEntry entry;
    if (line.starts_with("Usage: ")) {
      help.usage = line.substr(7);
    } else if (ParseEntry(line, &entry)) {
      section->push_back(std::move(entry));
      last = &section->back();
    } else if (line.starts_with("   ") && last != nullptr) {
      absl::StrAppend(&last->meaning, " ", absl::StripLeadingAsciiWhitespace(piece));
    } else if (line.ends_with(':')) {
      section = line == "Commands:"                ? &help.commands
                : line.starts_with("Collectors, ") ? &help.collectors
                                                   : &help.flags;
      last = nullptr;
    } else if (!line.empty() && last == nullptr && help.commands.empty() && help.flags.empty()) {
      absl::StrAppend(&help.description, help.description.empty() ? "" : " ", piece);
    }
  }
  return help;
}

ProgramHelp ReadProgramHelp() {
  ProgramHelp all;
  all.version = base::GetBuildInfo().version;
  all.program = ParseHelp(HelpText({}));
  for (const HelpEntry& entry : all.program.commands) {
    const std::string name = CommandName(entry.term);
    all.commands.push_back({name, ParseHelp(HelpText(absl::StrSplit(name, ' ')))});
  }
  return all;
}

}  // namespace agent_exporter::exporter

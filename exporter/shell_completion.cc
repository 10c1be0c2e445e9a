#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "exporter/help_pages.h"

namespace agent_exporter::exporter {
namespace {

// For the shell, between single quotes. (In all three this is how one is written inside.)
std::string Quoted(std::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"'", "'\\''"}}),
                      "'");
}

// "-h, --help" -> "--help".
std::string LongFlag(const std::string& term) {
  const size_t start = term.find("--");
  return start == std::string::npos ? "" : term.substr(start);
}

// The flags of every command, collectors included.
std::vector<HelpEntry> CommonFlags(const ProgramHelp& help) {
  std::vector<HelpEntry> flags;
  for (const HelpEntry& flag : help.program.flags) flags.push_back({LongFlag(flag.term), flag.meaning});
  for (const HelpEntry& collector : help.program.collectors) {
    flags.push_back({absl::StrCat("--collector.", collector.term), collector.meaning});
    flags.push_back(
        {absl::StrCat("--no-collector.", collector.term), absl::StrCat("not: ", collector.meaning)});
  }
  return flags;
}

struct Completion {
  std::string command;           // its first word
  std::vector<HelpEntry> words;  // what may follow
};

std::vector<Completion> Completions(const ProgramHelp& help) {
  std::vector<Completion> all;
  for (const CommandHelp& command : help.commands) {
    const std::vector<std::string> name = absl::StrSplit(command.name, ' ');
    Completion completion{name[0], {}};
    if (name.size() > 1) completion.words.push_back({name[1], command.help.description});
    for (const HelpEntry& flag : command.help.flags) {
      if (const std::string term = LongFlag(flag.term); !term.empty())
        completion.words.push_back({term, flag.meaning});
    }
    all.push_back(std::move(completion));
  }
  return all;
}

std::string Terms(const std::vector<HelpEntry>& entries) {
  return absl::StrJoin(entries, " ",
                       [](std::string* out, const HelpEntry& entry) { absl::StrAppend(out, entry.term); });
}

// A zsh array's elements for _describe: 'term:meaning'.
std::string Described(const std::vector<HelpEntry>& entries) {
  std::string text;
  for (const HelpEntry& entry : entries) {
    absl::StrAppend(&text, "    ",
                    Quoted(absl::StrCat(absl::StrReplaceAll(entry.term, {{":", "\\:"}}), ":", entry.meaning)),
                    "\n");
  }
  return text;
}

std::vector<HelpEntry> CommandWords(const ProgramHelp& help) {
  std::vector<HelpEntry> words;
  for (const CommandHelp& command : help.commands)
    words.push_back({command.name.substr(0, command.name.find(' ')), command.help.description});
  return words;
}

}  // namespace

std::string BashCompletion(const ProgramHelp& help) {
  const std::string commands = Terms(CommandWords(help));
  std::string text = absl::StrCat(
      "# bash completion for agent_exporter\n_agent_exporter() {\n  local word command=\n",
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case $word in\n      --) return ;;\n      ",
      absl::StrReplaceAll(commands, {{" ", "|"}}),
      ") command=${command:-$word} ;;\n    esac\n  done\n  local words\n  case $command in\n    '') words=",
      Quoted(commands), " ;;\n");
  for (const Completion& completion : Completions(help))
    absl::StrAppend(&text, "    ", completion.command, ") words=", Quoted(Terms(completion.words)), " ;;\n");
  absl::StrAppend(&text, "  esac\n  words+=", Quoted(" " + Terms(CommonFlags(help))),
                  "\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n}\n",
                  "complete -o default -F _agent_exporter agent_exporter\n");
  return text;
}

std::string ZshCompletion(const ProgramHelp& help) {
  std::string text = absl::StrCat(
      "#compdef agent_exporter\n\nlocal -a words_here flags\nlocal word command=\n"
      "for word in ${words[2,CURRENT-1]}; do\n  case $word in\n    --) _normal; return ;;\n    ",
      absl::StrReplaceAll(Terms(CommandWords(help)), {{" ", "|"}}),
      ") command=${command:-$word} ;;\n  esac\ndone\ncase $command in\n  '') words_here=(\n",
      Described(CommandWords(help)), "  ) ;;\n");
  for (const Completion& completion : Completions(help)) {
    absl::StrAppend(&text, "  ", completion.command, ") words_here=(\n", Described(completion.words),
                    "  ) ;;\n");
  }
  absl::StrAppend(&text, "esac\nflags=(\n", Described(CommonFlags(help)),
                  ")\n_describe -o word words_here\n_describe -o flag flags\n_files\n");
  return text;
}

std::string FishCompletion(const ProgramHelp& help) {
  std::string text = "# fish completion for agent_exporter\n";
  for (const HelpEntry& command : CommandWords(help)) {
    absl::StrAppend(&text, "complete -c agent_exporter -n __fish_use_subcommand -a ", command.term, " -d ",
                    Quoted(command.meaning), "\n");
  }
  const auto add = [&text](const HelpEntry& entry, const std::string& condition) {
    const bool flag = entry.term.starts_with("--");
    absl::StrAppend(&text, "complete -c agent_exporter", condition, flag ? " -l " : " -a ",
                    flag ? entry.term.substr(2) : entry.term, " -d ", Quoted(entry.meaning), "\n");
  };
  for (const Completion& completion : Completions(help)) {
    for (const HelpEntry& word : completion.words)
      add(word, absl::StrCat(" -n '__fish_seen_subcommand_from ", completion.command, "'"));
  }
  for (const HelpEntry& flag : CommonFlags(help)) add(flag, "");
  return text;
}

}  // namespace agent_exporter::exporter

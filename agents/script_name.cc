#include "agents/script_name.h"

#include <algorithm>
#include <optional>

namespace agent_exporter::agents {
namespace {

// How one interpreter reads its command line. Lists of words are separated by spaces.
struct Interpreter {
  std::string_view names;       // basenames without a version
  bool short_clusters = false;  // -uBm is -u -B -m (getopt); false: a word is one option (node, bun, deno)
  // Short options, for clusters only, by letter:
  std::string_view no_script =
      {};  // there is no script: the program text follows, or comes from standard input
  std::string_view value_next = {};     // take the rest of the word or, if it is empty, the next word
  std::string_view rest_of_word = {};   // take the rest of the word, which may be empty
  std::string_view module_option = {};  // as value_next; the value is a module
  std::string_view file_option = {};    // as value_next; the value is the script
  // Whole words:
  std::string_view no_script_words = {};
  std::string_view value_words = {};   // they take the next word
  std::string_view script_words = {};  // the next word is the script
  std::string_view run_words = {};     // subcommands before the script; skipped
  std::string_view other_words = {};   // subcommands that run no script
  bool argument_files = false;         // @FILE contains more arguments
};

constexpr Interpreter kInterpreters[] = {
    // Editors are Electron apps, which run as node if ELECTRON_RUN_AS_NODE is set; cursor-agent's launcher
    // runs node under its own name.
    {.names = "node nodejs electron code code-insiders codium cursor windsurf kiro cursor-agent",
     .no_script_words = "-e --eval -p --print -pe -i --interactive --run -v --version",
     .value_words =
         "-r --require --import --loader --experimental-loader -C --conditions --title --env-file "
         "--env-file-if-exists --input-type --inspect-port --icu-data-dir --openssl-config "
         "--redirect-warnings --diagnostic-dir --report-dir --report-directory --report-filename "
         "--unhandled-rejections --dns-result-order --localstorage-file --watch-path --cpu-prof-dir "
         "--heap-prof-dir --disable-warning --trace-event-categories --tls-cipher-list",
     .run_words = "inspect"},
    {.names = "bun",
     .no_script_words = "-e --eval -p --print",
     .value_words =
         "-r --preload --require --import --cwd --env-file --filter -F --conditions --loader -l --define -d "
         "--tsconfig-override --port",
     .run_words = "run",
     .other_words =
         "x test install i add remove rm update build create init link unlink pm repl upgrade exec outdated "
         "publish patch audit"},
    {.names = "deno",
     .value_words =
         "-c --config --import-map --cert --location --seed -L --log-level --preload --require --port --host "
         "--ext",
     .run_words = "run serve",
     .other_words =
         "eval task test bench compile install add remove fmt lint lsp repl cache check info doc upgrade "
         "jupyter publish x"},
    {.names = "python pypy python.original",
     .short_clusters = true,
     .no_script = "c",
     .value_next = "WXQ",
     .module_option = "m",
     .value_words = "--check-hash-based-pycs"},
    {.names = "ruby ruby.ruby jruby truffleruby",
     .short_clusters = true,
     .no_script = "e",
     .value_next = "rICXE",
     .rest_of_word = "FKTWx0i",
     .value_words = "--encoding --external-encoding --internal-encoding --enable --disable"},
    {.names = "perl",
     .short_clusters = true,
     .no_script = "eE",
     .value_next = "I",
     .rest_of_word = "MmxiFlC0dDV"},
    {.names = "php",
     .short_clusters = true,
     .no_script = "rRBEaS",
     .value_next = "dczt",
     .file_option = "f",
     .no_script_words = "--run --server",
     .value_words = "--define --php-ini --docroot"},
    {.names = "java",
     .no_script_words = "-version --version -help --help -h -?",
     .value_words =
         "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --add-reads "
         "--add-exports --add-opens --limit-modules --patch-module --enable-native-access",
     .script_words = "-jar -m --module",
     .argument_files = true},
    {.names = "sh bash dash ash zsh ksh mksh fish",
     .short_clusters = true,
     .no_script = "cs",
     .value_next = "oO",
     .no_script_words = "--command --help --version",
     .value_words = "--rcfile --init-file --init-command"},
};

// Finds it by basename, ignoring the "-" of a login shell and a version: python3.11, node22, -bash.
const Interpreter* FindInterpreter(std::string_view path) {
  std::string_view name = base::Basename(path.starts_with('-') ? path.substr(1) : path);
  name = name.substr(0, name.find_last_not_of("0123456789.-") + 1);
  for (const Interpreter& interpreter : kInterpreters) {
    if (ListHas(interpreter.names, name)) return &interpreter;
  }
  return nullptr;
}

// What one option word tells about the script.
struct Option {
  size_t words = 1;                        // including its value
  std::optional<std::string> script = {};  // the search ends: the script, or "" for none
};

Option ReadCluster(const Interpreter& interpreter, std::string_view word, std::string_view next) {
  for (size_t i = 1; i < word.size(); ++i) {
    const char letter = word[i];
    const std::string_view rest = word.substr(i + 1);
    const auto in = [letter](std::string_view letters) {
      return letters.find(letter) != std::string_view::npos;
    };
    const size_t words = rest.empty() ? 2 : 1;
    const std::string_view value = rest.empty() ? next : rest;
    if (in(interpreter.no_script)) return {.script = ""};
    if (in(interpreter.rest_of_word)) return {};
    if (in(interpreter.module_option)) {
      return {.words = words, .script = std::string(value.substr(0, value.find('.')))};
    }
    if (in(interpreter.file_option)) return {.words = words, .script = std::string(value)};
    // A shell's -o takes the next word even inside a cluster (-eo pipefail), where it must be the last
    // letter.
    if (in(interpreter.value_next)) return {.words = words};
  }
  return {};
}

Option ReadOption(const Interpreter& interpreter, std::string_view word, std::string_view next) {
  if (word == "--") return {.words = 2, .script = std::string(next)};
  if (word == "-" || ListHas(interpreter.no_script_words, word)) return {.script = ""};
  if (ListHas(interpreter.script_words, word)) return {.words = 2, .script = std::string(next)};
  if (ListHas(interpreter.value_words, word)) return {.words = 2};
  if (word.starts_with("--") || !interpreter.short_clusters) return {};
  return ReadCluster(interpreter, word, next);
}

bool IsOption(const Interpreter& interpreter, std::string_view word) {
  return word.starts_with('-') || (word.starts_with('+') && interpreter.short_clusters) ||
         (word.starts_with('@') && interpreter.argument_files);
}

ScriptCall FindScript(const Interpreter& interpreter, const std::vector<std::string>& argv) {
  bool subcommand_seen = false;
  size_t i = 1;
  while (i < argv.size()) {
    const std::string_view word = argv[i];
    if (IsOption(interpreter, word)) {
      const Option option = ReadOption(
          interpreter, word, i + 1 < argv.size() ? std::string_view(argv[i + 1]) : std::string_view());
      i = std::min(i + option.words, argv.size());
      if (option.script.has_value()) return {*option.script, option.script->empty() ? 1 : i};
    } else if (!subcommand_seen && ListHas(interpreter.other_words, word)) {
      return {};
    } else if (!subcommand_seen && ListHas(interpreter.run_words, word)) {
      subcommand_seen = true;
      ++i;
    } else {
      return {std::string(word), i + 1};
    }
  }
  return {};
}

}  // namespace

bool ListHas(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::string_view next = list.substr(0, list.find(' '));
    if (next == word) return true;
    list.remove_prefix(std::min(next.size() + 1, list.size()));
  }
  return false;
}

std::string_view StripScriptExtension(std::string_view path) {
  static constexpr std::string_view kExtensions[] = {".js", ".mjs", ".cjs", ".ts", ".mts", ".cts",
                                                     ".py", ".pyc", ".rb",  ".sh", ".pl",  ".php"};
  for (const std::string_view extension : kExtensions) {
    if (path.ends_with(extension)) return path.substr(0, path.size() - extension.size());
  }
  return path;
}

bool IsInterpreter(std::string_view path) { return FindInterpreter(path) != nullptr; }

ScriptCall FindScript(const std::vector<std::string>& argv, std::string_view exe) {
  if (argv.size() < 2) return {};
  const Interpreter* interpreter = FindInterpreter(argv[0]);
  if (interpreter == nullptr) interpreter = FindInterpreter(exe);
  return interpreter == nullptr ? ScriptCall() : FindScript(*interpreter, argv);
}

std::string ScriptPath(const std::vector<std::string>& argv, std::string_view exe) {
  return FindScript(argv, exe).script;
}

std::string ScriptName(const std::vector<std::string>& argv, std::string_view exe) {
  return std::string(base::Basename(ScriptPath(argv, exe)));
}

}  // namespace agent_exporter::agents

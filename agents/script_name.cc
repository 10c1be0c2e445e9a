#include "agents/script_name.h"

#include <algorithm>
#include <optional>
#include <span>

namespace agent_exporter::agents {
namespace {

// How one interpreter reads its command line. Lists of words are separated by spaces.
struct Interpreter {
  std::string_view names;       // basenames without a version
  bool short_clusters = false;  // -uBm is -u -B -m (getopt); false: a word is one option (node, bun, deno)
  // Short options, for clusters only, by letter:
  std::string_view no_script = {};      // the program text follows, or comes from standard input: no script
  std::string_view value_next = {};     // take the rest of the word, or the next word
  std::string_view rest_of_word = {};   // take the rest of the word, which may be nothing
  std::string_view module_option = {};  // as value_next; the value is a module
  std::string_view file_option = {};    // as value_next; the value is the script
  // Whole words:
  std::string_view no_script_words = {};
  std::string_view value_words = {};  // the next word belongs to them
  std::string_view run_words = {};    // subcommands that a script follows; skipped
  std::string_view other_words = {};  // subcommands that run no script
};

constexpr Interpreter kInterpreters[] = {
    {.names = "node nodejs",
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
    {.names = "python pypy",
     .short_clusters = true,
     .no_script = "c",
     .value_next = "WXQ",
     .module_option = "m",
     .value_words = "--check-hash-based-pycs"},
    {.names = "ruby jruby truffleruby",
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
    {.names = "sh bash dash ash zsh ksh mksh fish",
     .short_clusters = true,
     .no_script = "cs",
     .value_next = "oO",
     .no_script_words = "--command --help --version",
     .value_words = "--rcfile --init-file --init-command"},
};

bool Contains(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::string_view next = words.substr(0, words.find(' '));
    if (next == word) return true;
    words.remove_prefix(std::min(next.size() + 1, words.size()));
  }
  return false;
}

// By basename, without the "-" of a login shell and a version: python3.11, node22, -bash.
const Interpreter* FindInterpreter(std::string_view path) {
  std::string_view name = Basename(path.starts_with('-') ? path.substr(1) : path);
  name = name.substr(0, name.find_last_not_of("0123456789.-") + 1);
  for (const Interpreter& interpreter : kInterpreters) {
    if (Contains(interpreter.names, name)) return &interpreter;
  }
  return nullptr;
}

// What one option word means for the search.
struct Option {
  bool skip_next = false;
  std::optional<std::string> result = {};  // the search ends: the script, or "" for none
};

Option ReadCluster(const Interpreter& interpreter, std::string_view word, std::string_view next) {
  for (size_t i = 1; i < word.size(); ++i) {
    const char letter = word[i];
    const std::string_view rest = word.substr(i + 1);
    const auto in = [letter](std::string_view letters) {
      return letters.find(letter) != std::string_view::npos;
    };
    if (in(interpreter.no_script)) return {.result = ""};
    if (in(interpreter.rest_of_word)) return {};
    if (in(interpreter.module_option)) {
      const std::string_view module = rest.empty() ? next : rest;
      return {.result = std::string(module.substr(0, module.find('.')))};
    }
    if (in(interpreter.file_option)) return {.result = std::string(rest.empty() ? next : rest)};
    if (in(interpreter.value_next)) {
      // A shell's -o takes the next word even inside a cluster (-eo pipefail), and nothing may follow it
      // there.
      return {.skip_next = rest.empty()};
    }
  }
  return {};
}

Option ReadOption(const Interpreter& interpreter, std::string_view word, std::string_view next) {
  if (word == "-" || Contains(interpreter.no_script_words, word)) return {.result = ""};
  if (Contains(interpreter.value_words, word)) return {.skip_next = true};
  if (word.starts_with("--") || !interpreter.short_clusters) return {};
  return ReadCluster(interpreter, word, next);
}

std::string FindScript(const Interpreter& interpreter, std::span<const std::string> args) {
  bool subcommand_seen = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view word = args[i];
    const std::string_view next = i + 1 < args.size() ? std::string_view(args[i + 1]) : std::string_view();
    if (word == "--") return std::string(next);
    if (word.starts_with('-') || (word.starts_with('+') && interpreter.short_clusters)) {
      const Option option = ReadOption(interpreter, word, next);
      if (option.result.has_value()) return *option.result;
      if (option.skip_next) ++i;
      continue;
    }
    if (!subcommand_seen && Contains(interpreter.other_words, word)) return "";
    if (!subcommand_seen && Contains(interpreter.run_words, word)) {
      subcommand_seen = true;
      continue;
    }
    return std::string(word);
  }
  return "";
}

}  // namespace

std::string_view Basename(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool EndsWithPath(std::string_view path, std::string_view tail) {
  if (path == tail) return true;
  return !tail.starts_with('/') && path.size() > tail.size() && path.ends_with(tail) &&
         path[path.size() - tail.size() - 1] == '/';
}

std::string_view StripScriptExtension(std::string_view path) {
  static constexpr std::string_view kExtensions[] = {".js", ".mjs", ".cjs", ".ts", ".mts", ".cts",
                                                     ".py", ".pyc", ".rb",  ".sh", ".pl",  ".php"};
  for (const std::string_view extension : kExtensions) {
    if (path.ends_with(extension)) return path.substr(0, path.size() - extension.size());
  }
  return path;
}

std::string ScriptPath(const std::vector<std::string>& argv, std::string_view exe) {
  if (argv.size() < 2) return "";
  const Interpreter* interpreter = FindInterpreter(argv[0]);
  if (interpreter == nullptr) interpreter = FindInterpreter(exe);
  if (interpreter == nullptr) return "";
  return FindScript(*interpreter, std::span(argv).subspan(1));
}

std::string ScriptName(const std::vector<std::string>& argv, std::string_view exe) {
  return std::string(Basename(ScriptPath(argv, exe)));
}

}  // namespace agent_exporter::agents

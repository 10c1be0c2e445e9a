#include "agents/package_name.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_split.h"
#include "agents/script_name.h"

namespace agent_exporter::agents {
namespace {

struct Folder {
  std::string_view name;  // the part of a path that precedes a package's name
  bool scopes = false;    // "@scope/name" is one name
};

constexpr Folder kFolders[] = {{.name = "/node_modules/", .scopes = true},
                               {.name = "/site-packages/"},
                               {.name = "/dist-packages/"},
                               {.name = "/pipx/venvs/"},
                               {.name = "/uv/tools/"}};

std::string_view FirstPart(std::string_view path) { return path.substr(0, path.find('/')); }

// A package runner's name, and which of its options take a value.
struct Runner {
  std::string_view program;
  std::string_view subcommand;       // words that must follow the name, or ""
  std::string_view package_options;  // their value is the package
  std::string_view value_options;
};

constexpr Runner kRunners[] = {
    {"npx", "", "-p --package", "-w --workspace -c --call"},
    {"npm", "exec", "-p --package", "-w --workspace -c --call"},
    {"npm", "x", "-p --package", "-w --workspace -c --call"},
    {"pnpm", "dlx", "--package", ""},
    {"yarn", "dlx", "-p --package", ""},
    {"pnpx", "", "--package", ""},
    {"bunx", "", "-p --package", ""},
    {"bun", "x", "-p --package", ""},
    {"uvx", "", "--from", "-p --python -w --with --with-editable --index --index-url --extra-index-url"},
    {"uv", "tool run", "--from",
     "-p --python -w --with --with-editable --index --index-url --extra-index-url"},
    {"pipx", "run", "--spec", "--python --index-url --pip-args"},
};

// Removes version and extras: "name@1.2", "name==1.2" and "name[extra]" give "name".
std::string WithoutVersion(std::string_view spec) {
  const size_t at = spec.find('@', 1);  // skips the '@' of a scope
  spec = spec.substr(0, at);
  return std::string(spec.substr(0, spec.find_first_of("=<>~![ ")));
}

std::optional<std::string> TargetOf(const Runner& runner, const std::vector<std::string>& words) {
  const std::vector<std::string> subcommand = absl::StrSplit(
      absl::string_view(runner.subcommand.data(), runner.subcommand.size()), ' ', absl::SkipEmpty());
  if (words.empty() || words[0] != runner.program || words.size() <= subcommand.size() ||
      !std::equal(subcommand.begin(), subcommand.end(), words.begin() + 1)) {
    return std::nullopt;
  }
  for (size_t i = 1 + subcommand.size(); i < words.size(); ++i) {
    const std::string_view word = words[i];
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    if (!word.starts_with('-')) return WithoutVersion(word);
    if (ListHas(runner.package_options, name)) {
      if (equals != std::string_view::npos) return WithoutVersion(word.substr(equals + 1));
      return i + 1 < words.size() ? WithoutVersion(words[i + 1]) : "";
    }
    if (ListHas(runner.value_options, word)) ++i;
  }
  return std::nullopt;
}

}  // namespace

std::string PackageOfPath(std::string_view path) {
  std::string_view package;
  for (const Folder& folder : kFolders) {
    const size_t at = path.rfind(folder.name);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = path.substr(at + folder.name.size());
    std::string_view name = FirstPart(rest);
    if (folder.scopes && name.starts_with('@') && name.size() < rest.size()) {
      name = rest.substr(0, name.size() + 1 + FirstPart(rest.substr(name.size() + 1)).size());
    }
    // A file directly in that folder, and the folder of command links, belong to no package.
    if (name.size() == rest.size() || name == ".bin") continue;
    if (package.empty() || name.data() > package.data()) package = name;
  }
  return std::string(package);
}

std::string RunnerTarget(const std::vector<std::string>& argv, std::string_view script,
                         size_t first_argument) {
  if (argv.empty()) return "";
  std::vector<std::string> words;
  if (!script.empty()) {
    std::string_view name = base::Basename(script);
    name = StripScriptExtension(name);
    if (name.ends_with("-cli")) name.remove_suffix(4);  // npx-cli.js, npm-cli.js
    words.emplace_back(name);
    words.insert(words.end(), argv.begin() + static_cast<ptrdiff_t>(std::min(first_argument, argv.size())),
                 argv.end());
  } else if (argv.size() == 1) {
    words = absl::StrSplit(argv[0], ' ', absl::SkipEmpty());
  } else {
    words = argv;
    words[0] = std::string(base::Basename(argv[0]));
  }
  for (const Runner& runner : kRunners) {
    if (std::optional<std::string> target = TargetOf(runner, words)) return *target;
  }
  return "";
}

}  // namespace agent_exporter::agents

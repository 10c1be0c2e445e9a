#include "agents/command_name.h"

#include <utility>

#include "agents/package_name.h"
#include "agents/script_name.h"
#include "base/label_value.h"
#include "kernel/process.h"

namespace agent_exporter::agents {
namespace {

constexpr size_t kMostBytes = 64;
// Script names that mean nothing on their own; for these we use the name of their package.
constexpr std::string_view kGenericScripts = "index main cli bin server app start run __main__ cli-main";
// The names of package runners, which are scripts or programs.
constexpr std::string_view kRunners = "npm npx pnpm yarn bunx uv uvx pipx";

// The program's name in the first word of a command line: "/usr/bin/git", "-bash", "sshd:".
std::string_view ProgramName(std::string_view word) {
  word = word.substr(0, word.find(' '));
  if (word.starts_with('-')) word.remove_prefix(1);
  word = base::Basename(word);
  while (word.ends_with(':')) word.remove_suffix(1);
  return word;
}

}  // namespace

bool NeedsCommandLine(std::string_view comm) {
  return comm.size() >= kernel::kCommBytes || comm == "MainThread" || IsInterpreter(comm) ||
         comm.starts_with("npm ") || ListHas(kRunners, comm);
}

std::string CommandName(const std::vector<std::string>& argv, std::string_view exe, std::string_view comm) {
  std::string name;
  if (!argv.empty()) {
    const ScriptCall call = FindScript(argv, exe);
    name = RunnerTarget(argv, call.script, call.first_argument);
    if (name.empty() && !call.script.empty()) {
      name = base::Basename(call.script);
      if (ListHas(kGenericScripts, StripScriptExtension(name))) {
        if (std::string package = PackageOfPath(call.script); !package.empty()) name = std::move(package);
      }
    }
    if (name.empty()) name = ProgramName(argv.front());
    if (name.empty()) name = base::Basename(exe);
  }
  if (name.empty()) name = comm;
  if (name.size() > kMostBytes) name.resize(kMostBytes);
  return base::LabelValue(name);
}

}  // namespace agent_exporter::agents

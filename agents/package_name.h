// Finds the package that a program comes from, and the package that a package runner runs.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_AGENTS_PACKAGE_NAME_H_
#define AGENT_EXPORTER_AGENTS_PACKAGE_NAME_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::agents {

// The innermost package that contains the file at `path`, or "":
//   …/node_modules/@google/gemini-cli/dist/index.js         @google/gemini-cli
//   …/site-packages/celery/__main__.py (or dist-packages)   celery
//   …/pipx/venvs/aider-chat/bin/aider                       aider-chat
//   …/uv/tools/aider-chat/bin/aider                         aider-chat
std::string PackageOfPath(std::string_view path);

// The package that npx, npm exec, pnpm dlx, yarn dlx, bunx, bun x, uvx, uv tool run or pipx run runs, without
// its version, or "". `script` is what an interpreter runs (FindScript), and `first_argument` is the index of
// its first argument.
//   {"npx", "-y", "@google/gemini-cli@0.61.0", "-p"}    @google/gemini-cli
//   {"npm exec @openai/codex"}                          @openai/codex (npm writes its title over argv)
//   {"uvx", "--from", "aider-chat", "aider"}            aider-chat
std::string RunnerTarget(const std::vector<std::string>& argv, std::string_view script,
                         size_t first_argument);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_PACKAGE_NAME_H_

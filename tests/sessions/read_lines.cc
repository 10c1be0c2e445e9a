// What the readers' line parsers make of files, as JSON, one line a file: for
// tests/sessions/reference_test.py.
//
//   read_lines claude|codex|gemini FILE...
//   read_lines opencode FOLDER...

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/regular_file.h"
#include "sessions/claude_lines.h"
#include "sessions/codex_lines.h"
#include "sessions/gemini_lines.h"
#include "sessions/line_follower.h"
#include "sessions/opencode_reader.h"
#include "sessions/token_tally.h"

namespace agent_exporter::sessions {
namespace {

nlohmann::json Shown(const SessionState& state, const TokenCounts& tokens) {
  nlohmann::json json = {
      {"tokens", {tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation, tokens.reasoning}},
      {"model", nullptr},
      {"tool", nullptr},
      {"context", nullptr},
      {"claim", nullptr},
      {"errors", state.errors.size()}};
  if (state.model) json["model"] = *state.model;
  if (state.tool) json["tool"] = *state.tool;
  if (state.context_tokens) json["context"] = *state.context_tokens;
  if (state.claim) json["claim"] = Name(*state.claim);
  return json;
}

template <typename Lines>
nlohmann::json Read(const char* path) {
  base::OpenFile file;
  file.descriptor = base::Descriptor(::open(path, O_RDONLY | O_CLOEXEC));
  if (::fstat(file.descriptor.get(), &file.stat) != 0) return nullptr;
  TokenTally tally(0);
  Lines lines(tally);
  LineFollower follower;
  while (!follower.at_end()) {  // in pieces, as it is read while it grows
    uint64_t bytes = 100'000;
    const absl::Status status = follower.Poll(
        file, &bytes, [&lines] { lines.Restart(); },
        [&lines](std::optional<std::string_view> line) { lines.Take(line); });
    if (!status.ok()) return nullptr;
  }
  return Shown(lines.State(), tally.total());
}

// `folder` is the XDG_DATA_HOME of a process in /w.
nlohmann::json ReadOpencode(const char* folder) {
  OpencodeReader reader((ReaderOptions()));
  SessionProcess process{.uid = ::getuid(), .cwd = "/w"};
  process.environment["XDG_DATA_HOME"] = folder;
  uint64_t bytes = 64 << 20;
  const auto state = reader.Read(process, &bytes);
  return state.ok() ? Shown(*state, state->tokens.value_or(TokenCounts()))
                    : nlohmann::json(state.status().ToString());
}

}  // namespace
}  // namespace agent_exporter::sessions

int main(int argc, char** argv) {
  using namespace agent_exporter::sessions;
  const std::string_view kind = argc > 1 ? argv[1] : "";
  for (int i = 2; i < argc; ++i) {
    const nlohmann::json json = kind == "claude"   ? Read<ClaudeLines>(argv[i])
                                : kind == "codex"  ? Read<CodexLines>(argv[i])
                                : kind == "gemini" ? Read<GeminiLines>(argv[i])
                                                   : ReadOpencode(argv[i]);
    std::printf("%s\n", json.dump().c_str());
  }
  return 0;
}
